package sqlite

import (
	"context"
	"errors"
	"os"
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

// TestSteps brings an older database to the format's version, reads it as it is,
// and finds damage where the step before was not taken.
func TestSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.db")
	first := Format{Version: 1, Steps: []string{"CREATE TABLE t (n);"}, Durability: OnCommit, Shared: true, CheckInUse: true}
	second := first
	second.Version, second.Steps = 2, append(first.Steps, "ALTER TABLE t ADD COLUMN m NOT NULL DEFAULT 7")
	d, err := Open(t.Context(), path, first)
	if err != nil || !d.Made || d.Close() != nil {
		t.Fatalf("it was not made: %v", err)
	}
	look, err := OpenToRead(t.Context(), path, second)
	if err != nil {
		t.Fatal(err)
	}
	if err := look.Row(t.Context(), "SELECT m FROM t", nil); err == nil || look.Close() != nil {
		t.Error("it was changed to be looked at")
	}
	d = opened(t, path, second)
	if err := d.Row(t.Context(), "SELECT m FROM t", nil); d.Made || !errors.Is(err, shoal.NotFound) {
		t.Errorf("made anew: %v; error %v, want NotFound", d.Made, err)
	}
	third := second
	third.Version, third.Steps = 3, append(second.Steps, "ALTER TABLE u ADD COLUMN k")
	if _, err := Open(t.Context(), path, third); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged: there is no table u", err)
	}
	third.Steps = []string{"CREATE TABLE t (n, m, k)"}
	if _, err := Open(t.Context(), path, third); !errors.Is(err, ErrOutdated) {
		t.Errorf("error %v, want ErrOutdated: no step begins at version 2", err)
	}
}

// TestDamageHasTheFormatsCode opens an empty file by formats that tell a person of
// damage, and one that does not.
func TestDamageHasTheFormatsCode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	format := plain()
	if _, err := Open(t.Context(), path, format); !errors.Is(err, ErrDamaged) || shoal.CodeOf(err) != shoal.Other || shoal.HintOf(err) != "" {
		t.Errorf("%v, code %v, hint %q", err, shoal.CodeOf(err), shoal.HintOf(err))
	}
	format.Code, format.Hint = shoal.Integrity, "mend it"
	for _, open := range []func(context.Context, string, Format) (*DB, error){Open, OpenToRead} {
		if _, err := open(t.Context(), path, format); !errors.Is(err, ErrDamaged) || shoal.CodeOf(err) != shoal.Integrity || shoal.HintOf(err) != "mend it" {
			t.Errorf("%v, code %v, hint %q", err, shoal.CodeOf(err), shoal.HintOf(err))
		}
	}
}

// TestGoneInUseIsDamage deletes or empties the file of a database that is open.
func TestGoneInUseIsDamage(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"deleted": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		path := filepath.Join(t.TempDir(), "some.db")
		d := opened(t, path, plain())
		d.Writer.SetMaxIdleConns(0) // or a connection would go on with what it has
		if err := errors.Join(damage(path), Remove(path+logSuffix), Remove(path+indexSuffix)); err != nil {
			t.Fatal(err)
		}
		if err := d.Row(t.Context(), "SELECT n FROM t", nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v, want ErrDamaged", name, err)
		}
	}
}

// TestReplace puts a database in the place of another, which is kept with its log.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path, by, aside := filepath.Join(dir, "some.db"), filepath.Join(dir, "some.db.new"), filepath.Join(dir, "aside")
	for _, file := range []string{path, path + logSuffix, by} {
		if err := os.WriteFile(file, []byte(filepath.Base(file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing to keep
		if err := Replace(path, by, aside); err != nil {
			t.Fatal(err)
		}
		for file, want := range map[string]string{path: "some.db.new", aside: "some.db", aside + logSuffix: "some.db-wal"} {
			if got, err := os.ReadFile(file); string(got) != want {
				t.Errorf("%s is %q, want %q: %v", file, got, want, err)
			}
		}
		if err := os.Rename(path, by); err != nil {
			t.Fatal(err)
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
