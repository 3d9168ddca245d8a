// Package quota is a store that holds no more than it may: a wrapper around any
// other. Reads and deletes pass through it untouched.
//
// It counts what lies in the store's own files. People's files that are used in
// place are theirs, and do not count.
package quota

import (
	"context"
	"fmt"
	"sync"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// Store refuses what is beyond its limit with shoal.NoSpace and a hint. Its
// methods are as those of storage.Store, and deleting makes room at once. What
// others do to the store it wraps, but for deleting, they must Reserve for.
type Store struct {
	storage.Store
	limit int64 // bytes; 0 is no limit, less is nothing

	// taking is held for reading while room is taken and filled, and for
	// writing while what is there is counted anew: then nothing is under way
	// that would be counted twice. It is held over the wrapped store's I/O.
	taking sync.RWMutex

	ledger ledger
}

// New wraps a store that nobody writes to yet. limit is in bytes, as
// Capacity.Limit gives it.
func New(store storage.Store, limit int64) *Store {
	s := &Store{Store: store, limit: limit}
	s.ledger.taken = max(limit, 0) // not known yet, so that the first to ask counts
	return s
}

// Create makes room for a file, if there is room for its last chunk at least:
// nobody knows which of its chunks will be put, so each takes room then.
func (s *Store) Create(ctx context.Context, file content.File) error {
	if last := file.Chunks() - 1; last >= 0 {
		release, err := s.Reserve(ctx, int64(file.ChunkLen(last)))
		if err == nil {
			defer release()
		} else if _, unknown := s.File(ctx, file.ID); unknown != nil {
			return fmt.Errorf("create file %s: %w", file.ID.Short(), err)
		}
	}
	return s.Store.Create(ctx, file)
}

// Put writes a chunk, if there is room for it. Putting again what is there
// takes none.
func (s *Store) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	if s.limit == 0 {
		return s.Store.Put(ctx, chunk, data)
	}
	s.taking.RLock()
	if s.ledger.take(int64(len(data)), s.limit) {
		defer s.taking.RUnlock()
		return s.fill(ctx, chunk, data)
	}
	s.taking.RUnlock()
	return s.putCounted(ctx, chunk, data)
}

// PutRun writes adjacent chunks: at once if there is room for all, else as many as
// there is room for.
func (s *Store) PutRun(ctx context.Context, id shoal.FileID, first int, chunks [][]byte) error {
	size := int64(0)
	for _, chunk := range chunks {
		size += int64(len(chunk))
	}
	if release, err := s.Reserve(ctx, size); err == nil {
		defer release()
		return s.Store.PutRun(ctx, id, first, chunks)
	}
	for i, chunk := range chunks {
		if err := s.Put(ctx, shoal.Chunk{File: id, Index: first + i}, chunk); err != nil {
			return err
		}
	}
	return nil
}

// putCounted is Put where there seems to be no room.
func (s *Store) putCounted(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	s.taking.Lock()
	defer s.taking.Unlock()
	if err := s.count(ctx); err != nil {
		return err
	}
	if s.ledger.take(int64(len(data)), s.limit) {
		return s.fill(ctx, chunk, data)
	}
	if _, absent := s.Get(ctx, chunk, make([]byte, len(data))); absent == nil {
		return s.Store.Put(ctx, chunk, data)
	}
	return fmt.Errorf("write chunk %s: %w", chunk, s.full(int64(len(data))))
}

// fill writes a chunk into room that was taken for it.
func (s *Store) fill(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	err := s.Store.Put(ctx, chunk, data)
	if err != nil {
		s.ledger.giveBack(int64(len(data)))
	}
	return err
}

// Reserve promises room for bytes that are about to be stored by another way
// than Put, or refuses with shoal.NoSpace. The caller calls release, once or
// more, when they are stored or given up; until then they may count twice.
func (s *Store) Reserve(ctx context.Context, bytes int64) (release func(), err error) {
	switch {
	case bytes < 0:
		return nil, fmt.Errorf("reserve %d bytes: %w", bytes, shoal.Usage)
	case s.limit == 0 || bytes == 0:
		return func() {}, nil
	}
	if !s.ledger.promise(bytes, s.limit) {
		s.taking.Lock()
		defer s.taking.Unlock()
		if err := s.count(ctx); err != nil {
			return nil, err
		}
		if !s.ledger.promise(bytes, s.limit) {
			return nil, s.full(bytes)
		}
	}
	return sync.OnceFunc(func() { s.ledger.keep(bytes) }), nil
}

// count sets the ledger right. taking is held for writing.
func (s *Store) count(ctx context.Context) error {
	usage, err := s.Store.Usage(ctx)
	if err != nil {
		return fmt.Errorf("count what is stored: %w", err)
	}
	s.ledger.set(usage.Stored)
	return nil
}

// full says that bytes do not fit, just after a count.
func (s *Store) full(bytes int64) error {
	if s.limit < 0 {
		return shoal.WithHint(fmt.Errorf("%s do not fit: this node stores nothing (--capacity 0): %w", shoal.FormatSize(bytes), shoal.NoSpace),
			"add the file at another node, or start this one with another `shoal up --capacity`")
	}
	err := fmt.Errorf("%s more do not fit: %s of the %s that this node may store are taken: %w",
		shoal.FormatSize(bytes), shoal.FormatSize(s.ledger.now()), shoal.FormatSize(s.limit), shoal.NoSpace)
	return shoal.WithHint(err, "`shoal rm --now` makes room, and `shoal up --capacity` allows more")
}

// Usage is the store's, with the quota in it: Free is what may still be stored.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	usage, err := s.Store.Usage(ctx)
	if err != nil || s.limit == 0 {
		return usage, err
	}
	usage.Capacity = max(s.limit, 0)
	usage.Free = max(0, min(usage.Free, usage.Capacity-usage.Stored-s.ledger.outstanding()))
	return usage, nil
}
