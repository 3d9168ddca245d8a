package sqlite

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"shoal"
)

// What was written by another program, an older or a newer one is told apart.
func TestFormats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.db")
	format := Format{Application: 1, Version: 2, Durability: Later, Steps: []string{"CREATE TABLE t (n);"}}
	for _, c := range []struct {
		application, version int
		want                 error
	}{{1, 2, nil}, {2, 2, ErrDamaged}, {1, 3, ErrOutdated}, {1, 1, shoal.Usage}, {1, 2, nil}} {
		format.Application, format.Version = c.application, c.version
		d, err := Open(t.Context(), path, format)
		if !errors.Is(err, c.want) || errors.Is(err, ErrOutdated) && c.version < 2 {
			t.Errorf("opened as application %d, version %d: %v, want %v", c.application, c.version, err, c.want)
		}
		if err == nil {
			err = d.Close()
		}
		if err != nil && c.want == nil {
			t.Error(err)
		}
	}
}

// TestQueriesStayPrepared asks the same by many at once, more than there are
// connections.
func TestQueriesStayPrepared(t *testing.T) {
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "some.db"), Format{Application: 1, Version: 1, Durability: Later, Steps: []string{"CREATE TABLE t (n);"}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Writer.ExecContext(t.Context(), "INSERT INTO t VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 * maxReaders {
		wg.Go(func() {
			rows, err := d.QueryContext(t.Context(), "SELECT n FROM t WHERE n = ?", 7)
			if err != nil {
				t.Error(err)
				return
			}
			defer rows.Close()
			if !rows.Next() || rows.Err() != nil {
				t.Errorf("the row is not there: %v", rows.Err())
			}
		})
	}
	wg.Wait()
	if len(d.prepared) != 1 {
		t.Errorf("%d queries are prepared, want 1", len(d.prepared))
	}
	if _, err := d.QueryContext(t.Context(), "SELECT no FROM sense"); err == nil {
		t.Error("nonsense was prepared")
	}
}
