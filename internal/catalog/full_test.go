package catalog

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shoal"
)

// A catalogue with no room left refuses with shoal.NoSpace, can be read, and
// goes on when there is room again.
func TestNoRoom(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pages := func(n int) {
		if _, err := c.data.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(i int) error {
		name := fmt.Sprintf("%s/%d", strings.Repeat("n", 200), i)
		return c.Put(t.Context(), shoal.Entry{ID: shoal.FileID{1}, Name: name, ChunkSize: 1 << 20, Added: time.Now()})
	}

	pages(30)
	kept := 0
	for err = put(kept); err == nil && kept < 1000; err = put(kept) {
		kept++
	}
	if shoal.CodeOf(err) != shoal.NoSpace || shoal.HintOf(err) == "" {
		t.Fatalf("after %d entries: error %v with hint %q, want %v with a hint", kept, err, shoal.HintOf(err), shoal.NoSpace)
	}
	if n, err := c.Len(t.Context()); n != kept || err != nil {
		t.Errorf("Len is %d, %v; want %d", n, err, kept)
	}
	pages(1000)
	if err := put(kept); err != nil {
		t.Errorf("put when there is room again: %v", err)
	}
}
