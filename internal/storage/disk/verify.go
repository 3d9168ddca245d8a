package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"shoal"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/recovery"
)

// Verify reads every chunk of the file at every place that has it, and calls
// watch with each: err is nil if it verified. A chunk that did not is absent
// there from then on. It ends early with an error of watch's, or of ctx.
func (s *Store) Verify(ctx context.Context, id shoal.FileID, watch func(index int, place shoal.Place, err error) error) error {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer s.giveBack(f)
	if err := s.findNames(f); err != nil {
		return fmt.Errorf("verify file %s: %w", id.Short(), err)
	}
	buf := make([]byte, min(int64(f.ChunkSize), f.Size))
	for _, p := range f.all() {
		if err := s.verifyPlace(ctx, f, p, buf, watch); err != nil {
			return fmt.Errorf("verify file %s: %w", id.Short(), err)
		}
	}
	return f.alive()
}

// findNames sees that a large file that is open still has its names: what is read
// of one without, nobody will read again once it is closed. Its hash list is
// written anew; a place that is gone is dropped.
func (s *Store) findNames(f *file) error {
	f.making.Lock()
	defer f.making.Unlock()
	f.mu.RLock()
	own, gone := f.own(), f.gone
	f.mu.RUnlock()
	if f.small() || own == nil || gone != nil {
		return nil
	}
	if err := s.findList(f); err != nil {
		return err
	}
	_, err := s.root.Stat(layout.DataName(f.ID))
	if errors.Is(err, fs.ErrNotExist) {
		s.dropPlace(f, own, body.ErrMissing)
		return nil
	}
	return err
}

// findList writes the hash list of a file anew if it is gone, and with it the
// folder that it lies in.
func (s *Store) findList(f *file) error {
	if _, err := s.root.Stat(layout.ListName(f.ID)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.root.MakeDir(layout.ShardName(f.ID)); err != nil {
		return body.WriteError(err)
	}
	err := layout.WriteList(s.root, f.File)
	if errors.Is(err, layout.ErrSync) {
		return s.fail(err)
	}
	if err != nil {
		return body.WriteError(err)
	}
	return errors.Join(s.root.SyncDir(layout.ShardName(f.ID)), s.root.SyncDir(layout.BlobsDir))
}

func (s *Store) verifyPlace(ctx context.Context, f *file, p *place, buf []byte, watch func(int, shoal.Place, error) error) error {
	where := f.describe(p)
	for i := range f.readable(p).All {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.has(p, i) {
			continue // the place was dropped, or the chunk found rotten, meanwhile
		}
		err := s.readChunk(f, p, i, buf[:f.ChunkLen(i)], byHash)
		if err := watch(i, where, err); err != nil {
			return err
		}
		if body.Lost(err) {
			return nil
		}
	}
	return nil
}

// recheckPresent reads the chunks that the place is said to have; those that
// do not verify are absent then.
func (s *Store) recheckPresent(ctx context.Context, f *file, p *place) error {
	buf := make([]byte, min(int64(f.ChunkSize), f.Size))
	return s.verifyPlace(ctx, f, p, buf, func(_ int, _ shoal.Place, err error) error {
		if errors.Is(err, shoal.Integrity) {
			return nil // told of, and absent now
		}
		return err
	})
}

// recheck reads every chunk that the place may have, whatever is recorded:
// those that verify are fresh if they were not there, those that were there
// and do not are rotten. It does not wait for the commit.
func (s *Store) recheck(ctx context.Context, f *file, p *place, report *recovery.Report) error {
	buf := make([]byte, min(int64(f.ChunkSize), f.Size))
	for i := range f.Chunks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.recheckChunk(f, p, i, buf[:f.ChunkLen(i)], report); err != nil {
			if body.Lost(err) {
				s.dropPlace(f, p, err)
				return nil
			}
			return err
		}
	}
	return nil
}

func (s *Store) recheckChunk(f *file, p *place, i int, buf []byte, report *recovery.Report) error {
	had := f.has(p, i)
	err := s.provenRead(f, p, i, buf, byHash)
	switch {
	case err == nil && !had:
		report.Found(buf)
		return s.markFresh(f, p, i, buf)
	case err == nil:
		report.Kept(buf)
	case errors.Is(err, shoal.Integrity):
		if had {
			report.Missed()
			s.markRotten(f, p, i, err)
		}
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// Places tells where chunks of the file lie, and how many of them are durable.
func (s *Store) Places(ctx context.Context, id shoal.FileID) ([]shoal.Place, error) {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	defer s.giveBack(f)
	var places []shoal.Place
	for _, p := range f.all() {
		places = append(places, f.describe(p))
	}
	return places, f.alive()
}
