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

	"github.com/dustin/go-humanize"

	"shoal"
	"shoal/internal/storage"
)

// Store refuses what is beyond its limit with shoal.NoSpace. Its methods are as
// those of storage.Store.
type Store struct {
	storage.Store
	limit int64 // bytes; 0 is no limit, less is nothing

	mu       sync.Mutex // guards reserved; held while the store is asked for its usage, which is quick
	reserved int64      // bytes promised and not yet in the store
}

// New wraps a store. limit is in bytes, as Capacity.Limit gives it.
func New(store storage.Store, limit int64) *Store {
	return &Store{Store: store, limit: limit}
}

// Reserve promises room for bytes that are about to be stored by another way
// than Put. release gives the promise back, once they are stored or given up.
func (s *Store) Reserve(ctx context.Context, bytes int64) (release func(), err error) {
	if s.limit == 0 {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	usage, err := s.Store.Usage(ctx)
	if err != nil {
		return nil, err
	}
	if bytes > 0 && usage.Stored+s.reserved+bytes > s.limit {
		return nil, s.full(usage.Stored+s.reserved, bytes)
	}
	s.reserved += bytes
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reserved -= bytes
	}), nil
}

func (s *Store) full(used, bytes int64) error {
	err := fmt.Errorf("%s more do not fit: %s of this node's %s are used: %w",
		size(bytes), size(used), size(s.limit), shoal.NoSpace)
	return shoal.WithHint(err, "shoal rm frees space, shoal up --capacity allows more")
}

func size(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) }

// Put stores a chunk if there is room for it.
func (s *Store) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	release, err := s.Reserve(ctx, int64(len(data)))
	if err != nil {
		return err
	}
	defer release()
	return s.Store.Put(ctx, chunk, data)
}

// Usage is the store's, with the quota in it: Free is what may still be stored.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	usage, err := s.Store.Usage(ctx)
	if err != nil || s.limit == 0 {
		return usage, err
	}
	usage.Capacity = max(s.limit, 0)
	usage.Free = max(0, min(usage.Free, usage.Capacity-usage.Stored))
	return usage, nil
}
