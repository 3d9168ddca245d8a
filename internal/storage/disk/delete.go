package disk

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// Delete forgets a file and frees its space: the bytes first, then the hash
// list, then the rows, so that it works where there is no room left to write.
// Links are forgotten, but people's files are left alone; an unfinished output
// is removed.
func (s *Store) Delete(ctx context.Context, id shoal.FileID) error {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer s.giveBack(f)
	if err := s.delete(ctx, f); err != nil {
		return fmt.Errorf("delete file %s: %w", id.Short(), err)
	}
	return nil
}

func (s *Store) delete(ctx context.Context, f *file) error {
	if err := s.writable(); err != nil {
		return err
	}
	f.making.Lock()
	defer f.making.Unlock()
	places, err := f.condemn()
	if err != nil {
		return err
	}
	defer s.bury(f)
	if err := s.removeBytes(f, places); err != nil {
		return err
	}
	s.commits.add(f, 0)
	// What is half deleted is finished, whatever the caller waits for.
	if err := s.commits.wait(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	for _, p := range places {
		s.usage.add(p, -tables.BytesOf(f.File, f.readable(p)))
	}
	s.usage.files.Add(-1)
	return nil
}

// condemn makes the file unknown to all from now on, and gives its places.
func (f *file) condemn() ([]*place, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.aliveLocked(); err != nil {
		return nil, err
	}
	f.gone = make(chan struct{})
	return f.places, nil
}

// bury lets go of a file that was condemned. If it could not be deleted, the
// next one to ask finds what is left of it.
func (s *Store) bury(f *file) {
	_ = s.commits.drop(f) // held by the caller too: nothing is closed
	s.files.forget(f)
	close(f.gone)
}

// removeBytes unlinks what is the store's own.
func (s *Store) removeBytes(f *file, places []*place) error {
	for _, p := range places {
		if l := p.linked(); l != nil {
			l.Discard()
		}
	}
	if f.small() {
		return nil
	}
	return errors.Join(vfs.RemoveIfThere(s.root, layout.DataName(f.ID)), vfs.RemoveIfThere(s.root, layout.ListName(f.ID)))
}
