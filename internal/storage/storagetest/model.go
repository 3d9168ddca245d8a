package storagetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// life is what the model knows of a file: put has all that can be read, and
// synced what must be present. In between the store may make durable what it
// likes.
type life struct {
	put, synced content.Bitmap
	durable     bool // it was synced once: it is known after a reopening
}

// machine does random things to a store and to the model of it.
type machine struct {
	ctx    context.Context
	store  storage.Store
	files  []sample
	known  map[int]*life
	reopen func(storage.Store) storage.Store // nil if the store does not persist
}

func testModel(t *testing.T, s storage.Store, reopen func(*testing.T, storage.Store) storage.Store) {
	m := &machine{ctx: t.Context(), store: s}
	for seed, size := range []int{0, 1, 3 << 10, 5<<10 - 1, 20 << 10} {
		m.files = append(m.files, newSample(t, uint64(seed), size, 1<<10))
	}
	if reopen != nil {
		m.reopen = func(old storage.Store) storage.Store { return reopen(t, old) }
	}
	rapid.Check(t, func(t *rapid.T) {
		for i := range m.known {
			if err := m.store.Delete(m.ctx, m.files[i].ID); err != nil {
				t.Fatalf("delete what the last run left: %v", err)
			}
		}
		m.known = make(map[int]*life)
		t.Repeat(rapid.StateMachineActions(m))
	})
}

// file draws a file, and what the model knows of it: nil if it is unknown.
func (m *machine) file(t *rapid.T) (int, sample, *life) {
	i := rapid.IntRange(0, len(m.files)-1).Draw(t, "file")
	return i, m.files[i], m.known[i]
}

// chunk draws a chunk of a file that has some.
func (m *machine) chunk(t *rapid.T) (f sample, l *life, index int) {
	i := rapid.IntRange(1, len(m.files)-1).Draw(t, "file")
	f = m.files[i]
	return f, m.known[i], rapid.IntRange(0, f.Chunks()-1).Draw(t, "chunk")
}

// expect tests an error: none if want is nil.
func expect(t *rapid.T, err, want error) {
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// known is shoal.NotFound for a file without a life.
func (l *life) known() error {
	if l == nil {
		return shoal.NotFound
	}
	return nil
}

// Create creates a file, perhaps cut otherwise.
func (m *machine) Create(t *rapid.T) {
	i, f, l := m.file(t)
	c := f.File
	if l != nil && rapid.Bool().Draw(t, "cut otherwise") {
		c.ChunkSize *= 2
		expect(t, m.store.Create(m.ctx, recut(t, c, f.data)), shoal.Exists)
		return
	}
	expect(t, m.store.Create(m.ctx, c), nil)
	if l == nil {
		m.known[i] = &life{put: content.NewBitmap(f.Chunks()), synced: content.NewBitmap(f.Chunks())}
	}
}

// recut is the file with the hash list that its chunk size asks for.
func recut(t *rapid.T, c content.File, data []byte) content.File {
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), c.Size, c.ChunkSize, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Put puts a chunk, which may be there.
func (m *machine) Put(t *rapid.T) {
	f, l, i := m.chunk(t)
	expect(t, m.store.Put(m.ctx, f.ref(i), f.chunk(i)), l.known())
	if l != nil {
		l.put.Set(i)
	}
}

// Get reads a chunk.
func (m *machine) Get(t *rapid.T) {
	f, l, i := m.chunk(t)
	buf := make([]byte, f.ChunkLen(i))
	n, err := m.store.Get(m.ctx, f.ref(i), buf)
	switch {
	case l == nil:
		expect(t, err, shoal.NotFound)
	case !l.put.Has(i):
		expect(t, err, storage.ErrAbsent)
	case err != nil || !bytes.Equal(buf[:n], f.chunk(i)):
		t.Fatalf("get %s: %d bytes, not what was put, %v", f.ref(i), n, err)
	}
}

// Sync syncs a file.
func (m *machine) Sync(t *rapid.T) {
	_, f, l := m.file(t)
	expect(t, m.store.Sync(m.ctx, f.ID), l.known())
	if l != nil {
		l.synced, l.durable = l.put.Clone(), true
	}
}

// Has compares what is present.
func (m *machine) Has(t *rapid.T) {
	_, f, l := m.file(t)
	has, err := m.store.Has(m.ctx, f.ID)
	expect(t, err, l.known())
	if l != nil {
		l.between(t, has)
	}
}

// between tests that all that was synced is present, and nothing that was not
// put.
func (l *life) between(t *rapid.T, has content.Bitmap) {
	for i := range l.synced.All {
		if !has.Has(i) {
			t.Fatalf("chunk %d was synced and is not present", i)
		}
	}
	for i := range has.All {
		if !l.put.Has(i) {
			t.Fatalf("chunk %d was never put and is present", i)
		}
	}
}

// Delete deletes a file.
func (m *machine) Delete(t *rapid.T) {
	i, f, l := m.file(t)
	expect(t, m.store.Delete(m.ctx, f.ID), l.known())
	delete(m.known, i)
}

// All lists the store.
func (m *machine) All(t *rapid.T) {
	var got, want []shoal.FileID
	for found, err := range m.store.All(m.ctx) {
		expect(t, err, nil)
		got = append(got, found.ID)
	}
	for i := range m.known {
		want = append(want, m.files[i].ID)
	}
	slices.SortFunc(want, func(a, b shoal.FileID) int { return bytes.Compare(a[:], b[:]) })
	if !slices.Equal(got, want) {
		t.Fatalf("lists %v, want %v", got, want)
	}
}

// Reopen closes a store that persists and opens it again.
func (m *machine) Reopen(t *rapid.T) {
	if m.reopen == nil || rapid.IntRange(0, 9).Draw(t, "seldom") != 0 {
		return
	}
	m.store = m.reopen(m.store)
	for i, l := range m.known {
		has, err := m.store.Has(m.ctx, m.files[i].ID)
		if errors.Is(err, shoal.NotFound) && !l.durable {
			delete(m.known, i)
			continue
		}
		expect(t, err, nil)
		l.between(t, has)
		l.put, l.synced = has.Clone(), has.Clone()
	}
}

// Check compares the sum with the model.
func (m *machine) Check(t *rapid.T) {
	usage, err := m.store.Usage(m.ctx)
	expect(t, err, nil)
	if usage.Files != len(m.known) {
		t.Fatalf("usage has %d files, want %d", usage.Files, len(m.known))
	}
}
