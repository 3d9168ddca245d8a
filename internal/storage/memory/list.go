package memory

import (
	"bytes"
	"context"
	"iter"
	"math"
	"slices"

	"shoal/internal/storage"
)

// All gives every file that is there when it begins.
func (s *Store) All(ctx context.Context) iter.Seq2[storage.Summary, error] {
	return func(yield func(storage.Summary, error) bool) {
		for _, found := range s.summaries() {
			if err := ctx.Err(); !yield(found, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) summaries() []storage.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]storage.Summary, 0, len(s.files))
	for id, f := range s.files {
		all = append(all, storage.Summary{ID: id, Size: f.Size, ChunkSize: f.ChunkSize, Present: f.synced.Count()})
	}
	slices.SortFunc(all, func(a, b storage.Summary) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return all
}

// Usage sums up the store. The system gives memory until it does not: Free has
// no bound.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return storage.Usage{Stored: s.bytes, Files: len(s.files), Free: math.MaxInt64}, ctx.Err()
}
