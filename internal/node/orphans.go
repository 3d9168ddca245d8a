package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// orphans deletes what lies in the store although no name ever meant it: what an
// add or a read left that broke off, and what a revoked node had named. It is
// given as long as what was removed. A person's files are left alone.
func (s *steward) orphans(ctx context.Context) error {
	if s.n.adds.Load() > 0 {
		return nil // theirs have no name yet
	}
	for summary, err := range s.n.store.All(ctx) {
		if err != nil {
			return fmt.Errorf("look for orphans: %w", err)
		}
		if _, err := s.n.catalog.FileOf(ctx, summary.ID); !errors.Is(err, shoal.NotFound) {
			continue
		}
		own, err := s.n.store.Own(ctx, summary.ID)
		if err != nil || own.Count() == 0 || !s.orphaned(repair.File{ID: summary.ID, Chunks: own.Len()}) {
			continue
		}
		if _, err := s.n.store.Discard(ctx, summary.ID, own); err != nil {
			return fmt.Errorf("delete the orphan %s: %w", summary.ID.Short(), err)
		}
		s.n.cfg.Log.Info("a file that nobody ever named was deleted", "file", summary.ID)
	}
	return nil
}

// orphaned reports whether the time of an orphan has come, and nobody reads it.
func (s *steward) orphaned(f repair.File) bool {
	if s.n.loans.reading(f.ID) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.busy[f.ID] && s.keeper.Orphan(s.now(), f, orDefault(s.n.cfg.Trash, trim.DefaultTrash))
}
