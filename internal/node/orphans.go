package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/content"
	"shoal/internal/datadir"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
	"shoal/internal/sqlite"
)

// removed deletes a file that no name means any more, when its time has come.
func (s *steward) removed(ctx context.Context, f catalog.File) error {
	s.forget(f.ID)
	own := fileOf(f)
	return s.dismiss(ctx, own, func() bool {
		return s.keeper.Removed(s.now(), own, time.Now(), f.Since, s.trash())
	}, func() error {
		err := s.n.store.Delete(ctx, f.ID)
		if errors.Is(err, shoal.NotFound) {
			return nil
		}
		return err
	})
}

// orphans deletes what lies in the store although no name ever meant it: what an
// add or a read left that broke off, and what a revoked node had named. It is
// given as long as what was removed. A person's files are left alone, and so is
// everything while names may be missing that somebody did give.
func (s *steward) orphans(ctx context.Context) error {
	if all, err := s.n.namesAreComplete(); !all {
		return err
	}
	for summary, err := range s.n.store.All(ctx) {
		if err != nil {
			return fmt.Errorf("look for orphans: %w", err)
		}
		if _, err := s.n.catalog.FileOf(ctx, summary.ID); !errors.Is(err, shoal.NotFound) {
			continue
		}
		own, err := s.n.store.Own(ctx, summary.ID)
		if err != nil || own.Count() == 0 || s.n.cache.Reading(summary.ID) {
			continue
		}
		if err := s.orphan(ctx, summary.ID, own); err != nil {
			return err
		}
	}
	return nil
}

// namesAreComplete reports whether every name is known that this node has ever
// heard, as far as it can tell: not while the catalogue is behind the journal, nor
// as long as a damaged journal was set aside of which not all could be saved, or
// the catalogue of one whose names were not all recovered.
func (n *Node) namesAreComplete() (bool, error) {
	damaged, err := sqlite.Aside(filepath.Join(n.cfg.Data, datadir.Journal))
	if err != nil {
		return false, fmt.Errorf("look for damaged journals: %w", err)
	}
	if stranded, err := n.catalog.Stranded(); stranded || err != nil {
		return false, err
	}
	return len(damaged) == 0 && !n.catalog.Late(), nil
}

// orphan deletes what there is of a file that nobody ever named, when its time has
// come.
func (s *steward) orphan(ctx context.Context, id shoal.FileID, own content.Bitmap) error {
	f := repair.File{ID: id, Chunks: own.Len()}
	return s.dismiss(ctx, f, func() bool { return s.keeper.Orphan(s.now(), f, s.trash()) }, func() error {
		_, err := s.n.store.Discard(ctx, id, own)
		if err == nil {
			s.n.cfg.Log.Info("a file that nobody ever named was deleted", "file", id)
		}
		return err
	})
}

func (s *steward) trash() time.Duration { return orDefault(s.n.cfg.Trash, trim.DefaultTrash) }

// dismiss deletes a file that no name means, if it is due. That no name means it
// is looked at once more, for the caller may have known it for a while; and it
// stays while a file is being added, which may be this one and has no name yet.
func (s *steward) dismiss(ctx context.Context, f repair.File, due func() bool, discard func() error) error {
	if !s.n.nameless.TryLock() {
		return nil // it is looked at again
	}
	defer s.n.nameless.Unlock()
	s.mu.Lock()
	s.keeper.Look(s.now(), time.Now().Round(0)) // or what became old during a halt would count
	leaves := due() && s.keeper.Leave(f.ID, content.FullBitmap(f.Chunks))
	s.mu.Unlock()
	if !leaves {
		return nil
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keeper.Gone(f.ID)
	}()
	if now, err := s.n.catalog.FileOf(ctx, f.ID); now.Live || err != nil && !errors.Is(err, shoal.NotFound) {
		return err // of a file that somebody has had back there is none
	}
	if err := discard(); err != nil {
		return fmt.Errorf("delete %s, which no name means: %w", f.ID.Short(), err)
	}
	return nil
}
