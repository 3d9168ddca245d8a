package catalog_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"shoal"
	"shoal/internal/catalog"
)

// open opens a new catalogue.
func open(t testing.TB) *catalog.Catalog {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "catalog.db"))
}

func openAt(t testing.TB, path string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// fileID is the id of the n-th file; ids of small n share their last bytes.
func fileID(n int) shoal.FileID {
	var id shoal.FileID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15+1)
	id[shoal.FileIDSize-1] = 1
	return id
}

// entry is the n-th file under a name.
func entry(name string, n int) shoal.Entry {
	return shoal.Entry{ID: fileID(n), Name: name, Size: int64(n), ChunkSize: 1 << 18, Added: time.UnixMilli(1_700_000_000_000 + int64(n)).UTC()}
}

func put(t testing.TB, c *catalog.Catalog, entries ...shoal.Entry) {
	t.Helper()
	if err := c.Put(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

// fill puts n entries of n files, in folders of a hundred.
func fill(t testing.TB, c *catalog.Catalog, n int) []shoal.Entry {
	t.Helper()
	entries := make([]shoal.Entry, n)
	for i := range entries {
		entries[i] = entry(fmt.Sprintf("folder-%05d/file-%02d.bin", i/100, i%100), i)
	}
	put(t, c, entries...)
	return entries
}
