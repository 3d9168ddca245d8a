package disk

import (
	"context"
	"fmt"
	"sync/atomic"

	"shoal/internal/storage"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
)

// usage counts what is in the store as it changes: chunks that are put count
// at once.
type usage struct {
	stored atomic.Int64 // bytes in the store's own files
	linked atomic.Int64 // bytes in people's files
	files  atomic.Int64
	stale  atomic.Bool // rows were lost that are counted still
}

// load starts from what is recorded.
func (u *usage) load(ctx context.Context, x tables.Index, r tables.Records) error {
	large, blobs, err := x.Sum(ctx)
	if err != nil {
		return err
	}
	small, rows, err := r.Sum(ctx)
	if err != nil {
		return err
	}
	_, linked, err := r.SumLinks(ctx)
	if err != nil {
		return err
	}
	u.stored.Store(blobs + rows)
	u.linked.Store(linked)
	u.files.Store(int64(large + small))
	return nil
}

// recount starts from what is recorded again, and adds what is not recorded yet.
// What is put at this very moment may be counted twice or not at all.
func (s *Store) recount(ctx context.Context) error {
	if err := s.usage.load(ctx, s.index, s.records); err != nil {
		return err
	}
	for _, f := range s.files.loaded() {
		f.mu.RLock()
		if !f.recorded && f.gone == nil {
			s.usage.files.Add(1)
		}
		for _, p := range f.places {
			s.usage.add(p, tables.BytesOf(f.File, p.fresh))
		}
		f.mu.RUnlock()
		s.giveBack(f)
	}
	return nil
}

// add counts bytes more, or less, in the place.
func (u *usage) add(p *place, bytes int64) {
	if p.linked() != nil {
		u.linked.Add(bytes)
	} else {
		u.stored.Add(bytes)
	}
}

// Usage sums up the store. Free leaves out the Reserve.
func (s *Store) Usage(context.Context) (storage.Usage, error) {
	free, err := s.root.Free()
	if err != nil {
		return storage.Usage{}, fmt.Errorf("usage of the store: %w", err)
	}
	return storage.Usage{
		Stored: s.usage.stored.Load(),
		Linked: s.usage.linked.Load(),
		Files:  int(s.usage.files.Load()),
		Free:   max(0, free-layout.Reserve),
	}, nil
}
