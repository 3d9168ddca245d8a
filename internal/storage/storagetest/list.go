package storagetest

import (
	"bytes"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/storage"
)

func testUsage(t *testing.T, s storage.Store) {
	usage := func() storage.Usage {
		u, err := s.Usage(t.Context())
		if err != nil {
			t.Fatalf("usage: %v", err)
		}
		return u
	}
	before := usage()
	small, large := newSample(t, 1, 3<<10+1, 1<<10), newSample(t, 2, 100<<10, 1<<10)
	small.store(t, s)
	large.create(t, s)
	large.put(t, s, 7, 8)
	large.sync(t, s)
	full := usage()
	if got, want := full.Stored-before.Stored, small.Size+2<<10; got != want {
		t.Errorf("%d bytes more are stored, want %d", got, want)
	}
	if got := full.Files - before.Files; got != 2 {
		t.Errorf("%d files more, want 2", got)
	}
	large.put(t, s, 7) // again, which adds nothing
	large.sync(t, s)
	if got := usage(); got.Stored != full.Stored {
		t.Errorf("putting a chunk again made %d bytes of %d", got.Stored, full.Stored)
	}
	for _, f := range []sample{small, large} {
		if err := s.Delete(t.Context(), f.ID); err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
	if after := usage(); after.Stored != before.Stored || after.Files != before.Files {
		t.Errorf("after all was deleted usage is %+v, was %+v", after, before)
	}
}

// list gives all that the store lists, in its order.
func list(t testing.TB, s storage.Store) []storage.Summary {
	t.Helper()
	var all []storage.Summary
	for found, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		all = append(all, found)
	}
	return all
}

func testAll(t *testing.T, s storage.Store) {
	if got := list(t, s); len(got) != 0 {
		t.Fatalf("an empty store lists %v", got)
	}
	var want []storage.Summary
	for i := range 40 {
		f := newSample(t, uint64(i), i*1000, 1<<10)
		f.create(t, s)
		if f.Chunks() > 1 {
			f.put(t, s, 1)
		}
		f.sync(t, s)
		want = append(want, storage.Summary{ID: f.ID, Size: f.Size, ChunkSize: f.ChunkSize, Present: min(1, f.Chunks()/2)})
	}
	slices.SortFunc(want, func(a, b storage.Summary) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	if got := list(t, s); !slices.Equal(got, want) {
		t.Fatalf("lists\n%v, want\n%v", got, want)
	}
	n := 0
	for _, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break // leaving early must not hang or panic
		}
	}
	if got := list(t, s); len(got) != len(want) {
		t.Errorf("after a listing that was left early, %d files are listed of %d", len(got), len(want))
	}
}

// A store may be changed by who lists it: that is how all of it is deleted.
func testAllWhileDeleting(t *testing.T, s storage.Store) {
	for i := range 20 {
		newSample(t, uint64(i), 2000*i, 1<<10).store(t, s)
	}
	var deleted []shoal.FileID
	for found, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if err := s.Delete(t.Context(), found.ID); err != nil {
			t.Fatalf("delete %s: %v", found.ID.Short(), err)
		}
		deleted = append(deleted, found.ID)
	}
	if left := list(t, s); len(left) != 0 || len(deleted) != 20 {
		t.Errorf("deleted %d of 20 files, %d are left", len(deleted), len(left))
	}
}
