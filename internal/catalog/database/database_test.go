package database

import (
	"path/filepath"
	"sync"
	"testing"
)

// TestQueriesStayPrepared asks the same by many at once, more than there are
// connections.
func TestQueriesStayPrepared(t *testing.T) {
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "some.db"), Format{Application: 1, Version: 1, Durability: Later, Schema: "CREATE TABLE t (n);"})
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
