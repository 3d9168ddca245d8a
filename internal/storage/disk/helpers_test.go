package disk

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/content"
)

// sample is a file whose bytes a seed decides.
type sample struct {
	content.File
	data []byte
}

func newSample(t testing.TB, seed uint64, size int, cs content.ChunkSize) sample {
	t.Helper()
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = rng.Read(data) // it never fails
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(size), cs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sample{File: f, data: data}
}

func (s sample) chunk(i int) []byte {
	return s.data[s.ChunkOffset(i):][:s.ChunkLen(i)]
}

func (s sample) ref(i int) shoal.Chunk { return shoal.Chunk{File: s.ID, Index: i} }

// on writes the sample to a new file.
func (s sample) on(t testing.TB, path string) string {
	t.Helper()
	if err := os.WriteFile(path, s.data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// openHeard opens a store, and tells how many notices of each kind it gave so far.
func openHeard(t testing.TB, dir string) (s *Store, told func() map[NoticeKind]int) {
	t.Helper()
	var mu sync.Mutex // guards kinds
	kinds := make(map[NoticeKind]int)
	s, err := Open(t.Context(), dir, Options{Notify: func(n Notice) {
		mu.Lock()
		defer mu.Unlock()
		kinds[n.Kind]++
	}})
	must(t, err)
	return s, func() map[NoticeKind]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(kinds)
	}
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, want shoal.Code) {
	t.Helper()
	if err == nil || shoal.CodeOf(err) != want {
		t.Fatalf("got %v, want code %s", err, want.Word())
	}
}

func wantIs(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// putAll creates the sample, puts all of its chunks and syncs them.
func putAll(t testing.TB, s *Store, f sample) {
	t.Helper()
	must(t, s.Create(t.Context(), f.File))
	for i := range f.Chunks() {
		must(t, s.Put(t.Context(), f.ref(i), f.chunk(i)))
	}
	must(t, s.Sync(t.Context(), f.ID))
}

// wantWhole reads every chunk and compares it.
func wantWhole(t testing.TB, s *Store, f sample) {
	t.Helper()
	has, err := s.Has(t.Context(), f.ID)
	must(t, err)
	if !has.Full() {
		t.Fatalf("%d of %d chunks are durable", has.Count(), has.Len())
	}
	buf := make([]byte, f.ChunkSize)
	for i := range f.Chunks() {
		n, err := s.Get(t.Context(), f.ref(i), buf)
		must(t, err)
		if !bytes.Equal(buf[:n], f.chunk(i)) {
			t.Fatalf("chunk %d is not what was put", i)
		}
	}
}

func tempFile(t testing.TB, f sample) string {
	t.Helper()
	return f.on(t, filepath.Join(t.TempDir(), "file.bin"))
}

func openSource(t testing.TB, path string) *os.File {
	t.Helper()
	src, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { _ = src.Close() })
	return src
}
