package disk

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/layout"
)

// blocks is how much room a file takes on the disk, in bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	const unit = 512 // of st_blocks, whatever the file system's own
	return info.Sys().(*syscall.Stat_t).Blocks * unit
}

// some is a bitmap of a file's chunks.
func some(f sample, chunks ...int) content.Bitmap {
	b := content.NewBitmap(f.Chunks())
	for _, i := range chunks {
		b.Set(i)
	}
	return b
}

func TestDiscardGivesRoomBack(t *testing.T) {
	const size = 64 << 10
	dir := t.TempDir()
	s := openStore(t, dir)
	f := newSample(t, 1, 8*size, size)
	must(t, s.Create(t.Context(), f.File))
	for i := range f.Chunks() {
		must(t, s.Put(t.Context(), f.ref(i), f.chunk(i)))
	}
	must(t, s.Sync(t.Context(), f.ID))
	path := filepath.Join(dir, layout.DataName(f.ID))
	before := blocks(t, path)
	freed, err := s.Discard(t.Context(), f.ID, some(f, 0, 3, 7))
	if err != nil || freed != 3*size {
		t.Fatalf("freed %d bytes, %v; want %d", freed, err, 3*size)
	}
	if after := blocks(t, path); after > before-3*size {
		t.Errorf("the file takes %d bytes, after %d; want %d less", after, before, 3*size)
	}
	usage, err := s.Usage(t.Context())
	if err != nil || usage.Stored != 5*size {
		t.Errorf("the store says it has %d bytes, %v; want %d", usage.Stored, err, 5*size)
	}
	must(t, s.Put(t.Context(), f.ref(3), f.chunk(3))) // it can come back
	must(t, s.Sync(t.Context(), f.ID))
	closeStore(t, s)
	again := openStore(t, dir)
	own, err := again.Own(t.Context(), f.ID)
	must(t, err)
	for i := range f.Chunks() {
		if want := i != 0 && i != 7; own.Has(i) != want {
			t.Errorf("after opening again chunk %d is there: %v, want %v", i, own.Has(i), want)
		}
	}
	if _, err := again.Discard(t.Context(), f.ID, content.FullBitmap(f.Chunks())); err != nil {
		t.Fatal(err)
	}
	_, err = again.File(t.Context(), f.ID)
	wantCode(t, err, shoal.NotFound) // nothing is left of it
}

// What lies in a person's file stays, and is served from there.
func TestDiscardLeavesLinks(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 2, 8*cs, cs)
	path := f.on(t, filepath.Join(t.TempDir(), "mine"))
	_, err := s.Link(t.Context(), path, cs, nil)
	must(t, err)
	for i := range f.Chunks() {
		must(t, s.Put(t.Context(), f.ref(i), f.chunk(i)))
	}
	must(t, s.Sync(t.Context(), f.ID))
	if _, err := s.Discard(t.Context(), f.ID, content.FullBitmap(f.Chunks())); err != nil {
		t.Fatal(err)
	}
	own, err := s.Own(t.Context(), f.ID)
	if err != nil || own.Count() > 0 {
		t.Errorf("%d chunks are left in the store, %v", own.Count(), err)
	}
	buf := make([]byte, cs)
	if _, err := s.Get(t.Context(), f.ref(1), buf); err != nil {
		t.Errorf("it cannot be read from the person's file: %v", err)
	}
}

func TestDiscardOfNothing(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 3, 8*cs, cs)
	if freed, err := s.Discard(t.Context(), f.ID, content.FullBitmap(f.Chunks())); err != nil || freed != 0 {
		t.Errorf("of a file that is not here: %d, %v", freed, err)
	}
	must(t, s.Create(t.Context(), f.File))
	if freed, err := s.Discard(t.Context(), f.ID, content.FullBitmap(f.Chunks())); err != nil || freed != 0 {
		t.Errorf("of a file with no chunk: %d, %v", freed, err)
	}
	must(t, s.Put(t.Context(), f.ref(0), f.chunk(0)))
	_, err := s.Discard(t.Context(), f.ID, content.NewBitmap(3))
	wantCode(t, err, shoal.Usage)
}
