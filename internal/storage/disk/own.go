package disk

import (
	"context"

	"shoal"
	"shoal/internal/content"
)

// Own tells which chunks of a file are durable in the store itself. What lies
// only in people's files does not count: they may change or delete them at any
// time. Errors: shoal.NotFound for a file unknown.
func (s *Store) Own(ctx context.Context, id shoal.FileID) (content.Bitmap, error) {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return content.Bitmap{}, err
	}
	defer s.giveBack(f)
	return f.ownDurable()
}

func (f *file) ownDurable() (content.Bitmap, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.aliveLocked(); err != nil {
		return content.Bitmap{}, err
	}
	own := content.NewBitmap(f.Chunks())
	for _, p := range f.places {
		if p.describe().Kind == shoal.PlaceStore {
			own.Union(p.durable)
		}
	}
	return own, nil
}
