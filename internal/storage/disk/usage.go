package disk

import (
	"context"
	"fmt"
	"sync/atomic"

	"shoal/internal/storage"
)

// usage counts what is in the store as it changes: chunks that are put count
// at once.
type usage struct {
	stored atomic.Int64 // bytes in the store's own files
	linked atomic.Int64 // bytes in people's files
	files  atomic.Int64
}

// load starts from what is recorded.
func (u *usage) load(ctx context.Context, x index, r records) error {
	large, blobs, err := x.sum(ctx)
	if err != nil {
		return err
	}
	small, rows, err := r.sum(ctx)
	if err != nil {
		return err
	}
	_, linked, err := r.sumLinks(ctx)
	if err != nil {
		return err
	}
	u.stored.Store(blobs + rows)
	u.linked.Store(linked)
	u.files.Store(int64(large + small))
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
		Free:   max(0, free-Reserve),
	}, nil
}
