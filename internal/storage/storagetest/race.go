package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/storage"
)

// together runs work in n goroutines and fails with the first error of each.
func together(t *testing.T, n int, work func(id int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for id := range n {
		wg.Go(func() {
			if err := work(id); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Callers with files of their own do not notice each other.
func testOwnFilesAtOnce(t *testing.T, s storage.Store) {
	const callers = 8
	files := make([]sample, callers)
	for i := range files {
		files[i] = newSample(t, uint64(i), i*7000, 1<<10)
	}
	together(t, callers, func(id int) error {
		f := files[id]
		for range 3 {
			if err := errors.Join(fill(t.Context(), s, f), readBack(t, s, f), s.Delete(t.Context(), f.ID)); err != nil {
				return fmt.Errorf("caller %d: %w", id, err)
			}
		}
		return fill(t.Context(), s, f)
	})
	for _, f := range files {
		f.wantWhole(t, s)
	}
}

// fill is sample.store for goroutines beside the test's own.
func fill(ctx context.Context, s storage.Store, f sample) error {
	if err := s.Create(ctx, f.File); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	for i := range f.Chunks() {
		if err := s.Put(ctx, f.ref(i), f.chunk(i)); err != nil {
			return fmt.Errorf("put: %w", err)
		}
	}
	return s.Sync(ctx, f.ID)
}

// readBack looks at the whole file.
func readBack(t *testing.T, s storage.Store, f sample) error {
	if has, err := s.Has(t.Context(), f.ID); err != nil || !has.Full() {
		return fmt.Errorf("after a sync %d chunks of %d are present: %w", has.Count(), f.Chunks(), err)
	}
	for i := range f.Chunks() {
		if err := readChunk(t, s, f, i); err != nil {
			return err
		}
	}
	return nil
}

// readChunk reads one chunk; bytes that are not the chunk's are an error that
// is no NotFound.
func readChunk(t *testing.T, s storage.Store, f sample, i int) error {
	buf := make([]byte, f.ChunkLen(i))
	n, err := s.Get(t.Context(), f.ref(i), buf)
	if err != nil {
		return fmt.Errorf("get %s: %w", f.ref(i), err)
	}
	if !bytes.Equal(buf[:n], f.chunk(i)) {
		return fmt.Errorf("get %s: %d bytes, not what was put", f.ref(i), n)
	}
	return nil
}

// Many callers fill one file, each the same chunks in another order, and sync
// it now and then: after its own sync, each finds what it put.
func testOneFileAtOnce(t *testing.T, s storage.Store) {
	for seed, size := range []int{9 << 10, 100 << 10} {
		f := newSample(t, uint64(seed), size, 1<<10)
		f.create(t, s)
		together(t, 8, func(id int) error {
			for n, i := range rand.New(rand.NewPCG(uint64(id), 0)).Perm(f.Chunks()) {
				err := errors.Join(s.Put(t.Context(), f.ref(i), f.chunk(i)), readChunk(t, s, f, i))
				if n%17 == id {
					err = errors.Join(err, synced(t, s, f, i))
				}
				if err != nil {
					return fmt.Errorf("caller %d: %w", id, err)
				}
			}
			return s.Sync(t.Context(), f.ID)
		})
		f.wantWhole(t, s)
	}
}

// synced syncs the file and looks that chunk i is present then.
func synced(t *testing.T, s storage.Store, f sample, i int) error {
	if err := s.Sync(t.Context(), f.ID); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	has, err := s.Has(t.Context(), f.ID)
	if err == nil && !has.Has(i) {
		err = fmt.Errorf("chunk %d was synced and is not present", i)
	}
	return err
}

// Callers do anything to the same few files. What they are told may be that a
// file or chunk is not there, but never wrong bytes, and never another error;
// and when all is over, the store works.
func testRacing(t *testing.T, s storage.Store) {
	files := []sample{newSample(t, 1, 0, 1<<10), newSample(t, 2, 5<<10, 1<<10), newSample(t, 3, 40<<10, 1<<10), newSample(t, 4, 41<<10, 4<<10)}
	together(t, 8, func(id int) error {
		random := rand.New(rand.NewPCG(uint64(id), 1))
		for range 60 {
			f := files[random.IntN(len(files))]
			if err := anything(t, s, f, random); err != nil && !errors.Is(err, shoal.NotFound) {
				return fmt.Errorf("caller %d: %w", id, err)
			}
		}
		return nil
	})
	for _, f := range files {
		f.store(t, s)
		f.wantWhole(t, s)
	}
	if got := len(list(t, s)); got != len(files) {
		t.Errorf("%d files are listed, want %d", got, len(files))
	}
}

// anything does one thing to the store.
func anything(t *testing.T, s storage.Store, f sample, random *rand.Rand) error {
	i := 0
	if f.Chunks() > 0 {
		i = random.IntN(f.Chunks())
	}
	switch what := random.IntN(20); {
	case what < 3:
		return s.Create(t.Context(), f.File)
	case what < 4:
		return s.Delete(t.Context(), f.ID)
	case what < 6:
		return s.Sync(t.Context(), f.ID)
	case what < 8:
		_, err := s.Has(t.Context(), f.ID)
		return err
	case what < 9:
		for _, err := range s.All(t.Context()) {
			if err != nil {
				return err
			}
		}
		return nil
	case f.Chunks() == 0:
		return nil
	case what < 15:
		return s.Put(t.Context(), f.ref(i), f.chunk(i))
	}
	return readChunk(t, s, f, i)
}
