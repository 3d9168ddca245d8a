package storagetest

import (
	"testing"

	"shoal"
	"shoal/internal/storage"
)

// What was synced is there after a reopening, in every shape of file; what was
// not may be, and if it is, then whole.
func testShapesReopened(t *testing.T, open func(t *testing.T) storage.Store, reopen func(*testing.T, storage.Store) storage.Store) {
	s := open(t)
	files := make(map[shoal.FileID]sample)
	for seed, shape := range shapes() {
		f := newSample(t, uint64(seed), shape.size, shape.cs)
		if _, again := files[f.ID]; again { // as all empty files are
			continue
		}
		f.store(t, s)
		files[f.ID] = f
	}
	half := newSample(t, 1000, 50<<10, 1<<10)
	half.create(t, s)
	half.put(t, s, 3, 4)
	half.sync(t, s)
	half.put(t, s, 5)

	s = reopen(t, s)
	for _, f := range files {
		f.wantWhole(t, s)
	}
	has, err := s.Has(t.Context(), half.ID)
	if err != nil || !has.Has(3) || !has.Has(4) {
		t.Fatalf("of a file that was synced in part, has %d chunks, %v", has.Count(), err)
	}
	for i := range has.All {
		half.wantChunk(t, s, i)
	}
	half.store(t, s)
	half.wantWhole(t, reopen(t, s))
}

func testDeletedReopened(t *testing.T, s storage.Store, reopen func(*testing.T, storage.Store) storage.Store) {
	gone, kept := newSample(t, 1, 30<<10, 1<<10), newSample(t, 2, 3<<10, 1<<10)
	gone.store(t, s)
	kept.store(t, s)
	if err := s.Delete(t.Context(), gone.ID); err != nil {
		t.Fatalf("delete: %v", err)
	}
	s = reopen(t, s)
	wantUnknown(t, s, gone)
	kept.wantWhole(t, s)
	if got := len(list(t, s)); got != 1 {
		t.Errorf("%d files are listed, want 1", got)
	}
}
