package quota_test

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
	"shoal/internal/storage/memory"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/storagetest"
)

// The model's world, in chunks.
const (
	modelLimit  = 12
	modelFiles  = 4
	modelChunks = 5 // of each file
)

// machine holds a quota against the model: room is given exactly when it is
// there, whatever went before.
type machine struct {
	ctx   context.Context
	inner storage.Store
	store *quota.Store
	files [modelFiles]content.File
	bytes [modelFiles][]byte

	stored   map[shoal.Chunk]bool
	promised int // chunks
	release  func()
}

func TestAgainstModel(t *testing.T) {
	m := &machine{ctx: t.Context()}
	for i := range m.files {
		m.files[i], m.bytes[i] = storagetest.File(t, uint64(i), modelChunks*cs, cs)
	}
	rapid.Check(t, func(t *rapid.T) {
		m.inner = memory.New()
		m.store = quota.New(m.inner, modelLimit*cs)
		m.stored, m.promised, m.release = make(map[shoal.Chunk]bool), 0, func() {}
		t.Repeat(rapid.StateMachineActions(m))
	})
}

// fits is shoal.NoSpace if there is no room for n chunks more.
func (m *machine) fits(n int) error {
	if len(m.stored)+m.promised+n > modelLimit {
		return shoal.NoSpace
	}
	return nil
}

func (m *machine) expect(t *rapid.T, err, want error) {
	if !errors.Is(err, want) {
		t.Fatalf("%d stored and %d promised: error %v, want %v", len(m.stored), m.promised, err, want)
	}
}

// Put puts a chunk, which may be there.
func (m *machine) Put(t *rapid.T) {
	i := rapid.IntRange(0, modelFiles-1).Draw(t, "file")
	chunk := shoal.Chunk{File: m.files[i].ID, Index: rapid.IntRange(0, modelChunks-1).Draw(t, "chunk")}
	m.expect(t, m.inner.Create(m.ctx, m.files[i]), nil)
	want := m.fits(1)
	if m.stored[chunk] {
		want = nil
	}
	m.expect(t, put(m.ctx, m.store, m.files[i], m.bytes[i], chunk.Index), want)
	if want == nil {
		m.stored[chunk] = true
	}
}

// Delete deletes a file, which may not be there.
func (m *machine) Delete(t *rapid.T) {
	id := m.files[rapid.IntRange(0, modelFiles-1).Draw(t, "file")].ID
	if err := m.store.Delete(m.ctx, id); !errors.Is(err, shoal.NotFound) {
		m.expect(t, err, nil)
	}
	for i := range modelChunks {
		delete(m.stored, shoal.Chunk{File: id, Index: i})
	}
}

// Reserve reserves some room, if none is reserved.
func (m *machine) Reserve(t *rapid.T) {
	if m.promised > 0 {
		return
	}
	n := rapid.IntRange(1, modelLimit).Draw(t, "chunks")
	release, err := m.store.Reserve(m.ctx, int64(n)*cs)
	m.expect(t, err, m.fits(n))
	if err == nil {
		m.promised, m.release = n, release
	}
}

// Release gives back what was reserved; again if it was.
func (m *machine) Release(*rapid.T) {
	m.release()
	m.promised = 0
}

// Check compares what is left.
func (m *machine) Check(t *rapid.T) {
	usage, err := m.store.Usage(m.ctx)
	m.expect(t, err, nil)
	if want := int64(modelLimit-len(m.stored)-m.promised) * cs; usage.Free != want {
		t.Fatalf("%d bytes are free, want %d", usage.Free, want)
	}
}
