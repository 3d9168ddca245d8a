package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// shapes has a file at, before and behind each boundary: of no chunk, of one,
// of many, with a short last one; around 16 KiB, up to which DESIGN.md lets a
// store keep files in another way.
func shapes() []struct {
	size int
	cs   content.ChunkSize
} {
	const kib, mib = 1 << 10, 1 << 20
	return []struct {
		size int
		cs   content.ChunkSize
	}{
		{0, kib},
		{1, kib},
		{kib - 1, kib},
		{kib, kib},
		{kib + 1, kib},
		{100*kib - 1, kib},
		{0, 4 * mib},
		{1, 4 * mib},
		{4 * mib, 4 * mib},
		{8*mib + 1, 4 * mib},
		{100, 32 * mib},
		{16 * kib, kib},
		{16*kib + 1, kib},
		{16 * kib, 256 * kib},
		{16*kib + 1, 256 * kib},
		{3 * 256 * kib, 256 * kib},
	}
}

func testShapes(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, shape := range shapes() {
		t.Run(fmt.Sprintf("%d-by-%d", shape.size, shape.cs), func(t *testing.T) {
			s, f := open(t), newSample(t, 1, shape.size, shape.cs)
			f.create(t, s)
			f.wantHas(t, s)
			for i := range f.Chunks() {
				f.wantAbsent(t, s, i)
			}
			for i := f.Chunks() - 1; i >= 0; i-- { // no order is promised
				f.put(t, s, i)
			}
			f.sync(t, s)
			f.wantWhole(t, s)

			s = open(t)
			f.create(t, s)
			var run [][]byte
			for i := range f.Chunks() {
				run = append(run, f.chunk(i))
			}
			half := len(run) / 2
			for _, part := range []struct {
				first  int
				chunks [][]byte
			}{{half, run[half:]}, {0, run[:half]}} {
				if err := s.PutRun(t.Context(), f.ID, part.first, part.chunks); err != nil {
					t.Fatalf("put %d chunks from %d on: %v", len(part.chunks), part.first, err)
				}
			}
			f.sync(t, s)
			f.wantWhole(t, s)
			if err := s.PutRun(t.Context(), f.ID, f.Chunks(), [][]byte{{1}}); err == nil {
				t.Error("a run behind the end was put")
			}
		})
	}
}

func testPutAgain(t *testing.T, s storage.Store) {
	f := newSample(t, 1, 5<<10, 1<<10)
	f.create(t, s)
	f.put(t, s, 2, 2)
	f.sync(t, s)
	f.put(t, s, 2)
	f.sync(t, s)
	f.sync(t, s) // nothing to do is no error
	f.wantHas(t, s, 2)
	f.wantChunk(t, s, 2)
}

func testCreateAgain(t *testing.T, s storage.Store) {
	f := newSample(t, 1, 5<<10, 1<<10)
	f.create(t, s)
	f.put(t, s, 1)
	f.sync(t, s)
	f.create(t, s)
	f.wantHas(t, s, 1)

	other := newSample(t, 1, 5<<10, 2<<10)
	wantError(t, "create with another chunk size", s.Create(t.Context(), other.File), shoal.Exists)
	shorter := f.File // with the same hash list: it does not tell how long the last chunk is
	shorter.Size--
	wantError(t, "create with another size", s.Create(t.Context(), shorter), shoal.Exists)
	f.wantHas(t, s, 1)
	f.wantChunk(t, s, 1)
}

func testUnknown(t *testing.T, s storage.Store) {
	newSample(t, 1, 3<<10, 1<<10).store(t, s)
	wantUnknown(t, s, newSample(t, 2, 3<<10, 1<<10))
}

// wantUnknown tests that the store knows nothing of the file.
func wantUnknown(t testing.TB, s storage.Store, f sample) {
	t.Helper()
	_, err := s.File(t.Context(), f.ID)
	wantError(t, "file", err, shoal.NotFound)
	_, err = s.Has(t.Context(), f.ID)
	wantError(t, "has", err, shoal.NotFound)
	_, err = s.Get(t.Context(), f.ref(0), make([]byte, f.ChunkLen(0)))
	wantError(t, "get", err, shoal.NotFound)
	wantError(t, "put", s.Put(t.Context(), f.ref(0), f.chunk(0)), shoal.NotFound)
	wantError(t, "sync", s.Sync(t.Context(), f.ID), shoal.NotFound)
	wantError(t, "delete", s.Delete(t.Context(), f.ID), shoal.NotFound)
}

// A chunk the file cannot have is an error of some kind, and changes nothing.
func testMisfits(t *testing.T, s storage.Store) {
	f := newSample(t, 1, 5<<10-1, 1<<10)
	f.create(t, s)
	whole := f.chunk(0)
	for what, chunk := range map[string]struct {
		index int
		data  []byte
	}{
		"before the first": {-1, whole},
		"behind the last":  {5, whole},
		"far behind":       {1 << 40, whole},
		"too short":        {0, whole[1:]},
		"too long":         {0, append(bytes.Clone(whole), 0)},
		"nothing":          {0, nil},
		"last too long":    {4, whole},
	} {
		if err := s.Put(t.Context(), f.ref(chunk.index), chunk.data); err == nil {
			t.Errorf("put a chunk that is %s: no error", what)
		}
	}
	for _, index := range []int{-1, 5, 1 << 40} {
		if _, err := s.Get(t.Context(), f.ref(index), make([]byte, 1<<10)); err == nil {
			t.Errorf("get chunk %d of 5: no error", index)
		}
	}
	f.sync(t, s)
	f.wantHas(t, s)
}

// What a caller does to its buffers afterwards does not matter to the store,
// and the store touches no more of a buffer than it says.
func testBuffers(t *testing.T, s storage.Store) {
	f := newSample(t, 1, 3<<10-100, 1<<10)
	f.create(t, s)
	for i := range f.Chunks() {
		data := f.chunk(i)
		if err := s.Put(t.Context(), f.ref(i), data); err != nil {
			t.Fatalf("put: %v", err)
		}
		clear(data)
	}
	buf := bytes.Repeat([]byte{0xee}, 1<<10)
	n, err := s.Get(t.Context(), f.ref(2), buf)
	if err != nil || n != f.ChunkLen(2) {
		t.Fatalf("get into a larger buffer: %d bytes, %v", n, err)
	}
	if rest := bytes.Repeat([]byte{0xee}, 100); !bytes.Equal(buf[n:], rest) {
		t.Errorf("get wrote behind the chunk")
	}
	clear(buf)
	f.sync(t, s)
	f.wantWhole(t, s)
}

func testPrivateBitmap(t *testing.T, s storage.Store) {
	f := newSample(t, 1, 70<<10, 1<<10)
	f.create(t, s)
	f.put(t, s, 3)
	f.sync(t, s)
	has, err := s.Has(t.Context(), f.ID)
	if err != nil {
		t.Fatalf("has: %v", err)
	}
	has.Set(69)
	has.Clear(3)
	f.wantHas(t, s, 3)
	has, _ = s.Has(t.Context(), f.ID)
	f.put(t, s, 4)
	f.sync(t, s)
	if has.Has(4) {
		t.Errorf("a bitmap that was given out changed with the store")
	}
}

func testReadBeforeSync(t *testing.T, s storage.Store) {
	for seed, size := range []int{3 << 10, 100 << 10} {
		f := newSample(t, uint64(seed), size, 1<<10)
		f.create(t, s)
		f.put(t, s, 1)
		f.wantChunk(t, s, 1)
		f.wantAbsent(t, s, 2)
		f.sync(t, s)
		f.wantHas(t, s, 1)
		f.wantChunk(t, s, 1)
	}
}

func testDelete(t *testing.T, s storage.Store) {
	for seed, size := range []int{0, 3 << 10, 100 << 10} {
		f, other := newSample(t, uint64(seed), size, 1<<10), newSample(t, 99, size+1, 1<<10)
		other.store(t, s)
		f.store(t, s)
		if err := s.Delete(t.Context(), f.ID); err != nil {
			t.Fatalf("delete: %v", err)
		}
		if size > 0 {
			wantUnknown(t, s, f)
		}
		f.create(t, s)
		f.wantHas(t, s)
		for i := range f.Chunks() {
			f.wantAbsent(t, s, i) // nothing of its first life shows
		}
		f.store(t, s)
		f.wantWhole(t, s)
		other.wantWhole(t, s)
	}
}

// With a context that has ended, a call does all it should or gives the
// context's error, and leaves the store as good as it was.
func testEndedContext(t *testing.T, s storage.Store) {
	f, other := newSample(t, 1, 3<<10, 1<<10), newSample(t, 2, 3<<10, 1<<10)
	f.store(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"File":   func() error { _, err := s.File(ctx, f.ID); return err },
		"Has":    func() error { _, err := s.Has(ctx, f.ID); return err },
		"Get":    func() error { _, err := s.Get(ctx, f.ref(0), make([]byte, 1<<10)); return err },
		"Create": func() error { return s.Create(ctx, other.File) },
		"Put":    func() error { return s.Put(ctx, f.ref(0), f.chunk(0)) },
		"Sync":   func() error { return s.Sync(ctx, f.ID) },
		"Usage":  func() error { _, err := s.Usage(ctx); return err },
		"All":    func() error { return lastOf(s.All(ctx)) },
	} {
		if err := call(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v", name, err)
		}
	}
	f.wantWhole(t, s)
	other.store(t, s)
	other.wantWhole(t, s)
}

// lastOf is the error a listing ended with; going on after one is an error too.
func lastOf(listing iter.Seq2[storage.Summary, error]) (last error) {
	for _, err := range listing {
		if last != nil {
			return fmt.Errorf("the listing went on after an error: %w", last)
		}
		last = err
	}
	return last
}
