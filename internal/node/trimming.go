package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// How often what is not needed any more is looked at. There is no hurry.
const (
	trimEvery    = 30 * time.Second // surplus chunks
	compactEvery = time.Hour        // what the journal says of names that are long gone
)

// trimming deletes surplus until ctx ends. What may go is decided by package
// trim; here the others are asked for their pledges.
func (s *steward) trimming(ctx context.Context) {
	ticker := time.NewTicker(min(trimEvery, max(s.trimDelay(), time.Second)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, id := range s.withSurplus() {
			if err := s.trim(ctx, id); err != nil && ctx.Err() == nil {
				s.n.cfg.Log.Warn("surplus chunks were not deleted", "file", id, "err", err)
			}
		}
		if err := s.compact(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.n.cfg.Log.Warn("what was said of names that are long gone was not forgotten", "err", err)
		}
	}
}

// compact has the catalogue and the journal forget what means nothing any more,
// now and then: the age of what is forgotten is told by the wall clock, so not
// within an hour of when that has jumped.
func (s *steward) compact(ctx context.Context, now time.Duration) error {
	s.mu.Lock()
	due := s.keeper.Steady(now) >= compactEvery && now >= s.compacted+compactEvery
	if due {
		s.compacted = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return s.n.catalog.Sweep(ctx)
}

func (s *steward) trimDelay() time.Duration { return orDefault(s.n.cfg.TrimDelay, trim.DefaultDelay) }

// withSurplus is the files that may have chunks which this node need not hold,
// if it is time to look at them.
func (s *steward) withSurplus() []shoal.FileID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keeper.Look(s.now(), time.Now().Round(0))
	s.keeper.Sweep(s.now())
	if s.view.Braked || s.now() < s.view.Changed+s.trimDelay() {
		return nil
	}
	var files []shoal.FileID
	for id := range s.surplus {
		files = append(files, id)
	}
	return files
}

// trim deletes what may be deleted of one file.
func (s *steward) trim(ctx context.Context, id shoal.FileID) error {
	f, err := s.n.catalog.FileOf(ctx, id)
	if err != nil || !f.Live {
		return err
	}
	own := fileOf(f)
	have, err := s.has(ctx, own)
	if err != nil {
		return err
	}
	asked := s.now()
	var pledges []trim.Pledge
	for _, h := range s.n.askHolders(ctx, s.keepers(own), wire.Ask{File: id, Chunks: own.Chunks}) {
		pledges = append(pledges, trim.Pledge{From: h.node, Asked: asked, Chunks: h.Pledge})
	}
	free := s.letGo(own, have, pledges)
	if free.Count() == 0 {
		return nil
	}
	defer s.gone(id)
	freed, err := s.n.store.Discard(ctx, id, free)
	if err == nil {
		s.n.cfg.Log.Info("surplus chunks were deleted", "file", id, "chunks", free.Count(), "bytes", freed)
	}
	return err
}

// letGo decides what goes, and from that moment on says to all that ask that it
// is not here.
func (s *steward) letGo(f repair.File, have content.Bitmap, pledges []trim.Pledge) content.Bitmap {
	s.mu.Lock()
	defer s.mu.Unlock()
	need := repair.NeedOf(s.view, s.n.self(), f, have, s.instead[f.ID].lacks)
	if need.Surplus.Count() == 0 {
		delete(s.surplus, f.ID)
	}
	s.keeper.Look(s.now(), time.Now().Round(0)) // it may have stood still since it asked
	free := s.keeper.Surplus(s.now(), s.trimDelay(), s.view, f, need, pledges)
	if free.Count() > 0 && !s.keeper.Leave(f.ID, free) {
		return content.NewBitmap(f.Chunks)
	}
	return free
}

// gone ends a deletion.
func (s *steward) gone(id shoal.FileID) {
	s.mu.Lock()
	s.keeper.Gone(id)
	s.news[id] = true
	s.mu.Unlock()
	s.poke()
}

// answer says what this node holds of a file, if it has heard what the asker wants
// it to have, and pledges to keep what it should hold.
func (s *steward) answer(ctx context.Context, asker shoal.NodeID, ask wire.Ask) (wire.Hold, error) {
	hold := wire.Hold{Has: content.NewBitmap(ask.Chunks), Pledge: content.NewBitmap(ask.Chunks)}
	if ask.Upto > 0 && s.n.journal.Upto(asker) < ask.Upto {
		return hold, nil
	}
	f, err := s.n.catalog.FileOf(ctx, ask.File)
	if errors.Is(err, shoal.NotFound) {
		return hold, nil
	}
	if err != nil {
		return hold, fmt.Errorf("answer what is held: %w", err)
	}
	own := fileOf(f)
	if own.Chunks != ask.Chunks {
		return hold, nil // another cut: nothing of that is here
	}
	if ask.Waited {
		s.await(ask.File)
	}
	have, err := s.has(ctx, own)
	if err != nil {
		return hold, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have = s.keeper.Here(ask.File, have)
	hold.Has = have
	if f.Live {
		hold.Pledge = s.keeper.Give(s.now(), ask.File, have, repair.NeedOf(s.view, s.n.self(), own, have, s.instead[ask.File].lacks))
	}
	return hold, nil
}
