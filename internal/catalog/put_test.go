package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal"
	"shoal/internal/catalog"
)

func TestPutRefuses(t *testing.T) {
	c := open(t)
	for what, spoil := range map[string]func(*shoal.Entry){
		"no id":          func(e *shoal.Entry) { e.ID = shoal.FileID{} },
		"no name":        func(e *shoal.Entry) { e.Name = "" },
		"name going up":  func(e *shoal.Entry) { e.Name = "../a" },
		"endless name":   func(e *shoal.Entry) { e.Name = strings.Repeat("a", shoal.MaxNameLength+1) },
		"negative size":  func(e *shoal.Entry) { e.Size = -1 },
		"odd chunk size": func(e *shoal.Entry) { e.ChunkSize = 1000 },
		"no chunk size":  func(e *shoal.Entry) { e.ChunkSize = 0 },
		"year 10,000":    func(e *shoal.Entry) { e.Added = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		bad := entry("bad", 1)
		spoil(&bad)
		if err := c.Put(t.Context(), entry("good", 2), bad); shoal.CodeOf(err) != shoal.Usage {
			t.Errorf("%s: error %v, want %v", what, err, shoal.Usage)
		}
	}
	if n, err := c.Len(t.Context()); n != 0 || err != nil {
		t.Errorf("a refused put left %d entries, %v", n, err)
	}
}

// What Put returned from is there after a crash: the files as they are at that
// moment, copied away while the catalogue is open, are a catalogue with it.
func TestPutIsDurable(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	c := openAt(t, filepath.Join(dir, "catalog.db"))
	fill(t, c, 500)
	put(t, c, entry("last", 501))
	for _, name := range []string{"catalog.db", "catalog.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := openAt(t, filepath.Join(crashed, "catalog.db"))
	if n, err := after.Len(t.Context()); n != 501 || err != nil {
		t.Errorf("after a crash there are %d entries, %v; want 501", n, err)
	}
	if got, err := after.Resolve(t.Context(), "last"); got != entry("last", 501) || err != nil {
		t.Errorf("after a crash the last entry is %v, %v", got, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	const callers, each = 16, 25
	c := open(t)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprintf("%d/%d", caller, i)
				e := entry(name, caller*each+i)
				if err := c.Put(t.Context(), e, entry("shared", i)); err != nil {
					t.Error(err)
				}
				if got, err := c.Resolve(t.Context(), name); got != e || err != nil {
					t.Errorf("read back %v, %v; want %v", got, err, e)
				}
				if i%5 == 4 {
					if removed, err := c.Remove(t.Context(), e.ID); err != nil || len(removed) == 0 {
						t.Errorf("removed %v, %v", removed, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	names, err := c.List(t.Context(), shoal.ListRequest{Prefix: "3/"})
	if len(names) != each-each/5 || err != nil {
		t.Errorf("%d names of one caller are left, %v; want %d", len(names), err, each-each/5)
	}
}

func TestEndedContext(t *testing.T) {
	c := open(t)
	fill(t, c, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Put":     func() error { return c.Put(ctx, entry("a", 1)) },
		"Remove":  func() error { _, err := c.Remove(ctx, fileID(1)); return err },
		"List":    func() error { _, err := c.List(ctx, shoal.ListRequest{}); return err },
		"Resolve": func() error { _, err := c.Resolve(ctx, "a"); return err },
		"Check":   func() error { return c.Check(ctx) },
		"Open":    func() error { _, err := catalog.Open(ctx, filepath.Join(t.TempDir(), "other.db")); return err },
	}
	for name, call := range calls {
		for range 20 { // what waits for several things may see any of them first
			if err := call(); !errors.Is(err, context.Canceled) {
				t.Errorf("%s with an ended context: %v", name, err)
			}
		}
	}
	if n, err := c.Len(t.Context()); n != 10 || err != nil {
		t.Errorf("then there are %d entries, %v", n, err)
	}
}
