package storagetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// File makes a file of size bytes cut into chunks of cs, and its bytes. Equal
// seeds and sizes give equal bytes, however they are cut.
func File(t testing.TB, seed uint64, size int, cs content.ChunkSize) (content.File, []byte) {
	t.Helper()
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	data := make([]byte, size)
	rand.NewChaCha8(key).Read(data)
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(size), cs, nil)
	if err != nil {
		t.Fatalf("make a file of %d bytes: %v", size, err)
	}
	return f, data
}

// sample is a file and its bytes.
type sample struct {
	content.File
	data []byte
}

func newSample(t testing.TB, seed uint64, size int, cs content.ChunkSize) sample {
	t.Helper()
	f, data := File(t, seed, size, cs)
	return sample{File: f, data: data}
}

func (f sample) ref(i int) shoal.Chunk { return shoal.Chunk{File: f.ID, Index: i} }

// chunk is a copy of the bytes of chunk i.
func (f sample) chunk(i int) []byte { return bytes.Clone(f.data[f.ChunkOffset(i):][:f.ChunkLen(i)]) }

// create makes the file known to the store.
func (f sample) create(t testing.TB, s storage.Store) {
	t.Helper()
	if err := s.Create(t.Context(), f.File); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// put puts the chunks of those numbers.
func (f sample) put(t testing.TB, s storage.Store, indices ...int) {
	t.Helper()
	for _, i := range indices {
		if err := s.Put(t.Context(), f.ref(i), f.chunk(i)); err != nil {
			t.Fatalf("put %s: %v", f.ref(i), err)
		}
	}
}

func (f sample) sync(t testing.TB, s storage.Store) {
	t.Helper()
	if err := s.Sync(t.Context(), f.ID); err != nil {
		t.Fatalf("sync: %v", err)
	}
}

// store creates, puts and syncs the whole file.
func (f sample) store(t testing.TB, s storage.Store) {
	t.Helper()
	f.create(t, s)
	for i := range f.Chunks() {
		f.put(t, s, i)
	}
	f.sync(t, s)
}

// wantHas tests that these chunks are present, and no others.
func (f sample) wantHas(t testing.TB, s storage.Store, want ...int) {
	t.Helper()
	has, err := s.Has(t.Context(), f.ID)
	if got := slices.Collect(has.All); err != nil || !slices.Equal(got, want) || has.Len() != f.Chunks() {
		t.Fatalf("has %v of %d, %v; want %v of %d", got, has.Len(), err, want, f.Chunks())
	}
}

// wantChunk tests that a chunk reads as it was put.
func (f sample) wantChunk(t testing.TB, s storage.Reader, i int) {
	t.Helper()
	buf := make([]byte, f.ChunkLen(i))
	n, err := s.Get(t.Context(), f.ref(i), buf)
	if err != nil {
		t.Fatalf("get %s: %v", f.ref(i), err)
	}
	if !bytes.Equal(buf[:n], f.chunk(i)) {
		t.Fatalf("get %s: %d bytes, not what was put", f.ref(i), n)
	}
}

// wantAbsent tests that a chunk is not there.
func (f sample) wantAbsent(t testing.TB, s storage.Reader, i int) {
	t.Helper()
	_, err := s.Get(t.Context(), f.ref(i), make([]byte, f.ChunkLen(i)))
	wantError(t, "get", err, storage.ErrAbsent)
}

// wantWhole tests that all of the file is there, and is right.
func (f sample) wantWhole(t testing.TB, s storage.Store) {
	t.Helper()
	var all []int
	for i := range f.Chunks() {
		all = append(all, i)
		f.wantChunk(t, s, i)
	}
	f.wantHas(t, s, all...)
	got, err := s.File(t.Context(), f.ID)
	if err != nil || got.ID != f.ID || got.Size != f.Size || got.ChunkSize != f.ChunkSize || !slices.Equal(got.List, f.List) {
		t.Fatalf("the store's word on the file is %v, %v; want %v", got, err, f.File)
	}
}

func wantError(t testing.TB, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error %v, want %v", doing, err, want)
	}
}
