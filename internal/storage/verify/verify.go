// Package verify wraps a store so that nothing goes in or comes out of it that
// does not match the hash list: for stores that do not see to that themselves,
// and for tests.
//
// It does not repair: a chunk that has rotted counts as absent until it is put
// again.
package verify

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// Store is a storage.Store that checks every chunk it takes and gives.
type Store struct {
	storage.Store

	mu     sync.Mutex // guards rotten; no I/O is done while it is held
	rotten map[shoal.FileID]map[int]bool
}

// New returns store with verification. It remembers what it found rotten for
// as long as it lives.
func New(store storage.Store) *Store {
	return &Store{Store: store, rotten: make(map[shoal.FileID]map[int]bool)}
}

// Get reads one chunk. If its bytes are wrong the error is storage.ErrAbsent
// and shoal.Integrity, and the chunk is absent from then on.
func (s *Store) Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	f, err := s.File(ctx, chunk.File)
	if err != nil {
		return 0, err
	}
	if s.isRotten(chunk) {
		return 0, fmt.Errorf("read chunk %s: %w", chunk, storage.ErrAbsent)
	}
	n, err := s.Store.Get(ctx, chunk, buf)
	if err != nil {
		return 0, err
	}
	if err := f.Verify(chunk.Index, buf[:n]); err != nil {
		s.mark(chunk)
		return 0, fmt.Errorf("read chunk %s: %w: %w", chunk, storage.ErrAbsent, err)
	}
	return n, nil
}

// Put writes one chunk, if it is the right one; else the error is
// shoal.Integrity.
func (s *Store) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	f, err := s.File(ctx, chunk.File)
	if err != nil {
		return err
	}
	if err := f.Verify(chunk.Index, data); err != nil {
		return fmt.Errorf("write chunk %s: %w", chunk, err)
	}
	if err := s.Store.Put(ctx, chunk, data); err != nil {
		return err
	}
	s.clear(chunk)
	return nil
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

// Has tells which chunks are present, without those found rotten.
func (s *Store) Has(ctx context.Context, id shoal.FileID) (content.Bitmap, error) {
	has, err := s.Store.Has(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rotten[id] {
		has.Clear(i)
	}
	return has, err
}

// Delete forgets a file, and what was rotten of it.
func (s *Store) Delete(ctx context.Context, id shoal.FileID) error {
	err := s.Store.Delete(ctx, id)
	if err == nil {
		s.mu.Lock()
		delete(s.rotten, id)
		s.mu.Unlock()
	}
	return err
}

// All lists the files. What was found rotten does not count as present.
func (s *Store) All(ctx context.Context) iter.Seq2[storage.Summary, error] {
	return func(yield func(storage.Summary, error) bool) {
		for found, err := range s.Store.All(ctx) {
			if err == nil && s.anyRotten(found.ID) {
				var has content.Bitmap
				has, err = s.Has(ctx, found.ID)
				found.Present = has.Count()
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) isRotten(chunk shoal.Chunk) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rotten[chunk.File][chunk.Index]
}

func (s *Store) anyRotten(id shoal.FileID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rotten[id]) > 0
}

func (s *Store) mark(chunk shoal.Chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rotten[chunk.File] == nil {
		s.rotten[chunk.File] = make(map[int]bool)
	}
	s.rotten[chunk.File][chunk.Index] = true
}

func (s *Store) clear(chunk shoal.Chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rotten[chunk.File], chunk.Index)
}
