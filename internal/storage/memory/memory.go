// Package memory is a store that forgets everything when its process ends: for
// tests, and for small nodes without a disk.
//
// It does not verify what it gives back, nor limit how much it takes: packages
// verify and quota do.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// Store is a storage.Store in memory. Nothing in it is durable, but as in any
// other store a chunk counts as present only after a Sync.
type Store struct {
	mu    sync.Mutex // guards all below; no chunk is copied while it is held
	files map[shoal.FileID]*file
	bytes int64 // of all chunks
}

// file is a file and its chunks. The bytes of a chunk never change.
type file struct {
	content.File
	chunks map[int][]byte
	fresh  []int // put since the last Sync
	synced content.Bitmap
}

// New returns an empty store.
func New() *Store { return &Store{files: make(map[shoal.FileID]*file)} }

// with calls do with the file, while no other call is under way.
func (s *Store) with(ctx context.Context, id shoal.FileID, do func(*file) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	f, ok := s.files[id]
	if !ok {
		return fmt.Errorf("file %s is not in the store: %w", id.Short(), shoal.NotFound)
	}
	return do(f)
}

// File is what the store knows of a file.
func (s *Store) File(ctx context.Context, id shoal.FileID) (c content.File, err error) {
	err = s.with(ctx, id, func(f *file) error { c = f.File; return nil })
	return c, err
}

// Has tells which chunks of the file were synced.
func (s *Store) Has(ctx context.Context, id shoal.FileID) (has content.Bitmap, err error) {
	err = s.with(ctx, id, func(f *file) error { has = f.synced.Clone(); return nil })
	return has, err
}

// Get copies one chunk to buf.
func (s *Store) Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	var data []byte
	err := s.with(ctx, chunk.File, func(f *file) error { data = f.chunks[chunk.Index]; return nil })
	switch {
	case err != nil:
		return 0, err
	case data == nil: // no chunk is empty
		return 0, fmt.Errorf("read chunk %s: %w", chunk, storage.ErrAbsent)
	case len(buf) < len(data):
		return 0, fmt.Errorf("read chunk %s: %w", chunk, io.ErrShortBuffer)
	}
	return copy(buf, data), nil
}

// Create makes room for a file.
func (s *Store) Create(ctx context.Context, c content.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[c.ID]
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !ok:
		s.files[c.ID] = &file{File: c, chunks: make(map[int][]byte), synced: content.NewBitmap(c.Chunks())}
	case f.Size != c.Size:
		return fmt.Errorf("file %s has %d bytes here, not %d: %w", c.ID.Short(), f.Size, c.Size, shoal.Exists)
	case f.ChunkSize != c.ChunkSize:
		return fmt.Errorf("file %s is here in chunks of %d bytes, not %d: %w", c.ID.Short(), f.ChunkSize, c.ChunkSize, shoal.Exists)
	}
	return nil
}

// Put takes a copy of one chunk, in place of the one there is.
func (s *Store) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	data = bytes.Clone(data)
	return s.with(ctx, chunk.File, func(f *file) error {
		if chunk.Index < 0 || chunk.Index >= f.Chunks() || len(data) != f.ChunkLen(chunk.Index) {
			return fmt.Errorf("chunk %s cannot have %d bytes: %w", chunk, len(data), shoal.Usage)
		}
		s.bytes += int64(len(data) - len(f.chunks[chunk.Index]))
		f.chunks[chunk.Index] = data
		f.fresh = append(f.fresh, chunk.Index)
		return nil
	})
}

// PutRun puts one after the other.
func (s *Store) PutRun(ctx context.Context, id shoal.FileID, first int, chunks [][]byte) error {
	for i, data := range chunks {
		if err := s.Put(ctx, shoal.Chunk{File: id, Index: first + i}, data); err != nil {
			return err
		}
	}
	return nil
}

// Sync makes what was put present.
func (s *Store) Sync(ctx context.Context, id shoal.FileID) error {
	return s.with(ctx, id, func(f *file) error {
		for _, i := range f.fresh {
			f.synced.Set(i)
		}
		f.fresh = nil
		return nil
	})
}

// Delete forgets a file.
func (s *Store) Delete(ctx context.Context, id shoal.FileID) error {
	return s.with(ctx, id, func(f *file) error {
		for _, data := range f.chunks {
			s.bytes -= int64(len(data))
		}
		delete(s.files, id)
		return nil
	})
}
