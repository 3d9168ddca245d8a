package sqlite

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rowsIn makes a database with so many rows, most of some hundred bytes, and
// gives its path and bytes.
func rowsIn(t *testing.T, count int) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "some.db")
	d, err := Open(t.Context(), path, plain())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Transact(t.Context(), func(tx *sql.Tx) error {
		for n := range count {
			if _, err := tx.Exec("INSERT INTO t VALUES (?, ?)", n, textOf(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, data
}

// textOf is the text of a row; that of the first goes on in pages of its own.
func textOf(n int) string {
	if n == 0 {
		return strings.Repeat("long", 3000)
	}
	return fmt.Sprintf("%0400d", n)
}

// saved reads the table t of a damaged database.
func saved(t *testing.T, path string) (rows map[int64]string, lost int, whole bool) {
	t.Helper()
	from, err := OpenDamaged(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	rows = map[int64]string{}
	s := Salvage{
		From: from,
		All:  "SELECT n, text FROM t NOT INDEXED ORDER BY n %s",
		Keys: "SELECT text, n FROM t INDEXED BY sqlite_autoindex_t_1 ORDER BY text %s, n %[1]s",
		One:  "SELECT n, text FROM t WHERE text = ?1 AND n = ?2",
		Keep: func(row *sql.Rows) (bool, error) {
			var n int64
			var text string
			if row.Scan(&n, &text) != nil || text != textOf(int(n)) {
				return false, nil
			}
			rows[n] = text
			return true, nil
		},
		Known: func(key []any) (bool, error) { _, is := rows[key[1].(int64)]; return is, nil },
	}
	whole, err = s.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !whole {
		if lost, _, err = s.ByKey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return rows, lost, whole
}

// TestSalvageOfAnyPage spoils each page of a database but the first two, the roots,
// in turn. Every other leaf's rows are saved, and the index tells of those that
// are lost.
func TestSalvageOfAnyPage(t *testing.T) {
	const count, perLeaf = 80, 10
	path, good := rowsIn(t, count)
	if rows, lost, whole := saved(t, path); len(rows) != count || lost > 0 || !whole {
		t.Fatalf("%d rows are saved of a sound database, %d lost", len(rows), lost)
	}
	leaves := 0
	for page := 3; page < len(good)/pageSize; page++ {
		bad := bytes.Clone(good)
		copy(bad[page*pageSize:], bytes.Repeat([]byte{0xa5}, pageSize))
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		rows, lost, _ := saved(t, path)
		if len(rows) < count-perLeaf || len(rows)+lost < count-1 { // one may be there, and of no use
			t.Errorf("page %d: %d rows are saved, and %d lost of %d", page, len(rows), lost, count)
		}
		if lost > 0 {
			leaves++
		}
	}
	if leaves < count/perLeaf {
		t.Errorf("rows are lost with %d pages, want one for every %d rows", leaves, perLeaf)
	}
}

// TestSalvageWithoutAnIndex spoils the root of the index, and beside it each leaf of
// the table in turn: the rows on either side of it are saved.
func TestSalvageWithoutAnIndex(t *testing.T) {
	const count, perLeaf, indexRoot = 80, 10, 2
	path, good := rowsIn(t, count)
	copy(good[indexRoot*pageSize:], bytes.Repeat([]byte{0xa5}, pageSize))
	leaves := 0
	for page := indexRoot + 1; page < len(good)/pageSize; page++ {
		if good[page*pageSize] != tableLeaf {
			continue
		}
		leaves++
		bad := bytes.Clone(good)
		copy(bad[page*pageSize:], bytes.Repeat([]byte{0xa5}, pageSize))
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if rows, _, _ := saved(t, path); len(rows) < count-perLeaf || len(rows) == count {
			t.Errorf("page %d: %d rows are saved of %d", page, len(rows), count)
		}
	}
	if leaves < count/perLeaf {
		t.Errorf("the table has %d leaves", leaves)
	}
}

// TestPagesNeedNoTree spoils the pages that lead to all others: their rows are read
// all the same, and longer ones than there may be are not.
func TestPagesNeedNoTree(t *testing.T) {
	const count, columns = 200, 2
	_, data := rowsIn(t, count)
	copy(data, bytes.Repeat([]byte{0xa5}, 2*pageSize))
	found := map[string]bool{}
	err := Pages{File: bytes.NewReader(data), MaxRow: 20_000}.Rows(t.Context(), columns, func(row []Column) error {
		found[string(row[1].Bytes)] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range count {
		if !found[textOf(n)] {
			t.Errorf("row %d is not found", n)
		}
	}
	err = Pages{File: bytes.NewReader(data), MaxRow: 300}.Rows(t.Context(), columns, func(row []Column) error {
		return fmt.Errorf("a row of %d bytes", len(row[1].Bytes))
	})
	if err != nil {
		t.Error(err)
	}
}
