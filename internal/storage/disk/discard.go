package disk

import (
	"context"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/tables"
)

// Discard gives up chunks of a file in the store itself, and their room, and
// returns the bytes it gave up. When it returns, they are absent even after a
// crash. People's files are left alone. When nothing of the file is left
// anywhere the store forgets it. Of a small file chunks are kept until all of
// them are given up. An unknown file is no error: nothing of it is here. Bytes that are being
// read meanwhile no longer verify, and are then absent to the reader, too.
func (s *Store) Discard(ctx context.Context, id shoal.FileID, chunks content.Bitmap) (int64, error) {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return 0, nil //nolint:nilerr // not here
	}
	defer s.giveBack(f)
	freed, err := s.discard(ctx, f, chunks)
	if err != nil {
		return freed, fmt.Errorf("discard chunks of %s: %w", id.Short(), err)
	}
	return freed, nil
}

func (s *Store) discard(ctx context.Context, f *file, chunks content.Bitmap) (int64, error) {
	if chunks.Len() != f.Chunks() {
		return 0, fmt.Errorf("a bitmap of %d chunks for a file of %d: %w", chunks.Len(), f.Chunks(), shoal.Usage)
	}
	if err := s.writable(); err != nil {
		return 0, err
	}
	own, whole := f.given(chunks)
	switch {
	case own == nil:
		return 0, nil
	case whole:
		freed := tables.BytesOf(f.File, f.readable(own))
		return freed, s.delete(ctx, f)
	case f.small():
		return 0, nil
	}
	cleared := f.clear(own, chunks)
	freed := tables.BytesOf(f.File, cleared)
	s.usage.add(own, -freed)
	s.commits.add(f, 0)
	// The bits are off for good before a byte goes; what is half done is
	// finished, whatever the caller waits for.
	if err := s.commits.wait(context.WithoutCancel(ctx)); err != nil {
		return freed, err
	}
	f.punch(own, cleared)
	return freed, nil
}

// given is the store's own place of the file, and whether it has nothing but the
// chunks that are given up, and there is no other place.
func (f *file) given(chunks content.Bitmap) (own *place, whole bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if own = f.own(); own == nil {
		return nil, false
	}
	for i := range own.readable().All {
		if !chunks.Has(i) {
			return own, false
		}
	}
	return own, len(f.places) == 1
}

// clear makes chunks absent at a place, and gives those that were there.
func (f *file) clear(p *place, chunks content.Bitmap) content.Bitmap {
	f.mu.Lock()
	defer f.mu.Unlock()
	cleared := content.NewBitmap(f.Chunks())
	for i := range chunks.All {
		if p.clear(i) {
			cleared.Set(i)
		}
	}
	return cleared
}

// punch gives the room of chunks back to the system, if it can take it. A chunk
// that was put again meanwhile stays.
func (f *file) punch(p *place, chunks content.Bitmap) {
	b, ok := p.body.(*body.Blob)
	if !ok {
		return
	}
	f.putting.Lock()
	defer f.putting.Unlock()
	for i := range chunks.All {
		if !f.has(p, i) {
			b.Punch(f.ChunkOffset(i), int64(f.ChunkLen(i)))
		}
	}
}
