package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/storage"
	"shoal/internal/storage/memory"
	"shoal/internal/storage/storagetest"
	"shoal/internal/storage/verify"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return verify.New(memory.New()) })
}

// rotting is a store one of whose chunks has lost a bit, until it is put again.
type rotting struct {
	storage.Store
	chunk shoal.Chunk
	sound bool
}

func (r *rotting) Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	n, err := r.Store.Get(ctx, chunk, buf)
	if chunk == r.chunk && !r.sound && n > 0 {
		buf[n/2] ^= 0x10
	}
	return n, err
}

func (r *rotting) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	r.sound = r.sound || chunk == r.chunk
	return r.Store.Put(ctx, chunk, data)
}

func TestRot(t *testing.T) {
	const size, cs, bad = 5 << 10, 1 << 10, 2
	f, data := storagetest.File(t, 1, size, cs)
	inner := &rotting{Store: memory.New()}
	s := verify.New(inner)
	chunk := func(i int) (shoal.Chunk, []byte) { return shoal.Chunk{File: f.ID, Index: i}, data[i*cs:][:cs] }
	put := func(i int) {
		ref, bytes := chunk(i)
		if err := errors.Join(s.Put(t.Context(), ref, bytes), s.Sync(t.Context(), f.ID)); err != nil {
			t.Fatal(err)
		}
	}
	present := func(want ...int) {
		t.Helper()
		has, err := s.Has(t.Context(), f.ID)
		if got := slices.Collect(has.All); err != nil || !slices.Equal(got, want) {
			t.Errorf("has %v, %v; want %v", got, err, want)
		}
		for found, err := range s.All(t.Context()) {
			if err != nil || found.Present != len(want) {
				t.Errorf("lists %d chunks, %v; want %d", found.Present, err, len(want))
			}
		}
	}
	if err := s.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		put(i)
	}
	inner.chunk, _ = chunk(bad)

	present(0, 1, 2, 3)
	_, err := s.Get(t.Context(), inner.chunk, make([]byte, cs))
	if !errors.Is(err, storage.ErrAbsent) || !errors.Is(err, shoal.Integrity) {
		t.Fatalf("a rotten chunk: error %v, want that it is absent, for its integrity", err)
	}
	present(0, 1, 3)
	if _, err := s.Get(t.Context(), inner.chunk, make([]byte, cs)); !errors.Is(err, storage.ErrAbsent) {
		t.Errorf("asked again: error %v, want that it is absent", err)
	}
	put(bad)
	present(0, 1, 2, 3)
	if _, err := s.Get(t.Context(), inner.chunk, make([]byte, cs)); err != nil {
		t.Errorf("put again: error %v", err)
	}
}

func TestWrongPut(t *testing.T) {
	f, data := storagetest.File(t, 1, 3<<10, 1<<10)
	inner := memory.New()
	s := verify.New(inner)
	if err := s.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for what, wrong := range map[string][]byte{
		"another chunk": data[1<<10 : 2<<10],
		"cut short":     data[:1<<9],
		"empty":         nil,
	} {
		chunk := shoal.Chunk{File: f.ID}
		if err := s.Put(t.Context(), chunk, wrong); !errors.Is(err, shoal.Integrity) {
			t.Errorf("put what is %s: error %v, want %v", what, err, shoal.Integrity)
		}
		if _, err := inner.Get(t.Context(), chunk, make([]byte, 1<<10)); !errors.Is(err, storage.ErrAbsent) {
			t.Errorf("put what is %s: it went in (%v)", what, err)
		}
	}
}
