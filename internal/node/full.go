package node

import (
	"context"
	"slices"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/content"
	"shoal/internal/membership/liveness"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
	"shoal/internal/redundancy/trim"
)

// extents is what nodes that have no room for all they should hold have of a
// file.
type extents map[shoal.NodeID]content.Bitmap

// lacks reports what those nodes lack, for whoever takes it in their place.
func (e extents) lacks(node shoal.NodeID, chunk int) bool {
	has, short := e[node]
	return short && !has.Has(chunk)
}

// short is the nodes that say in their accounts that they have no room for all
// they should hold.
func (s *steward) short() []shoal.NodeID {
	var nodes []shoal.NodeID
	for _, m := range s.n.beats.Members() {
		if a, ok := safety.Parse(m.Own.Digest); ok && a.Refused > 0 && m.State != liveness.Down && m.Node != s.n.self() {
			nodes = append(nodes, m.Node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// anyFull reports whether some node has no room for all it should hold.
func (s *steward) anyFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.noRoom) > 0 || len(s.refused) > 0
}

// askShort asks those of a file's holders that have no room for all they should
// hold what they have of it. One that does not answer is taken to have all.
func (s *steward) askShort(ctx context.Context, view repair.View, f repair.File) extents {
	s.mu.Lock()
	short := s.noRoom
	s.mu.Unlock()
	if len(short) == 0 {
		return nil
	}
	layout := view.In.File(f.ID, f.Chunks, f.Copies)
	var ask []shoal.NodeID
	for _, node := range short {
		for chunk := range f.Chunks {
			if layout.Holds(node, chunk) {
				ask = append(ask, node)
				break
			}
		}
	}
	found := make(extents)
	for _, h := range s.n.askHolders(ctx, ask, wire.Ask{File: f.ID, Chunks: f.Chunks}) {
		if !h.Has.Full() {
			found[h.node] = h.Has
		}
	}
	return found
}

// fit is the part of some chunks of a file that this node has room for.
func (s *steward) fit(ctx context.Context, f catalog.File, pull content.Bitmap) (content.Bitmap, error) {
	if pull.Count() == 0 {
		return pull, nil
	}
	usage, err := s.n.quota.Usage(ctx)
	if err != nil {
		return pull, err
	}
	room := usage.Free
	fits := content.NewBitmap(pull.Len())
	for chunk := range pull.All {
		if room -= int64(f.ChunkSize); room < 0 {
			break
		}
		fits.Set(chunk)
	}
	return fits, nil
}

// covered is those of the chunks that this node refuses which as many others as
// copies are wanted have and pledge to keep.
func (s *steward) covered(ctx context.Context, view repair.View, f repair.File, refused content.Bitmap) content.Bitmap {
	covered := content.NewBitmap(f.Chunks)
	if refused.Count() == 0 {
		return covered
	}
	asked := s.now()
	var pledges []trim.Pledge
	for _, h := range s.n.askHolders(ctx, s.keepers(f), wire.Ask{File: f.ID, Chunks: f.Chunks}) {
		pledges = append(pledges, trim.Pledge{From: h.node, Asked: asked, Chunks: h.Pledge})
	}
	for chunk := range refused.All {
		if trim.Pledged(asked, view, chunk, pledges) >= f.Copies {
			covered.Set(chunk)
		}
	}
	return covered
}

// keepers is the nodes that answer and may hold chunks of a file: its holders,
// and where some of those are away or have no room also those that take their place.
func (s *steward) keepers(f repair.File) []shoal.NodeID {
	s.mu.Lock()
	view, short := s.view, len(s.noRoom) > 0 || s.refused[f.ID] || len(s.view.Away) > 0
	s.mu.Unlock()
	nodes := s.holders(f.ID, f.Chunks, f.Copies)
	if !short {
		return nodes
	}
	layout := view.In.File(f.ID, f.Chunks, f.Copies)
	for chunk := range f.Chunks {
		for _, node := range layout.Order(chunk) {
			if view.Up.Has(node) && !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
		}
	}
	return nodes
}

// without is the chunks of a that are not in b.
func without(a, b content.Bitmap) content.Bitmap {
	left := a.Clone()
	for chunk := range b.All {
		left.Clear(chunk)
	}
	return left
}

// plan is what this node does about a file now.
type plan struct {
	repair.Need
	short extents

	pull    content.Bitmap // what it fetches
	refused content.Bitmap // what it should hold and has no room for
	lacking content.Bitmap // what it should hold, has not, and cannot prove that others have in its place
}

// consider works out what to do about a file.
func (s *steward) consider(ctx context.Context, view repair.View, f catalog.File) (plan, error) {
	own := fileOf(f)
	own.Waited = s.isAwaited(f.ID)
	have, err := s.has(ctx, own)
	if err != nil {
		return plan{}, err
	}
	p := plan{short: s.askShort(ctx, view, own)}
	p.Need = repair.NeedOf(view, s.n.self(), own, have, p.short.lacks)
	if p.pull, err = s.fit(ctx, f, p.Pull); err != nil {
		return plan{}, err
	}
	p.refused = without(p.Pull, p.pull)
	s.refuse(f.ID, p.refused.Count() > 0)
	p.lacking = without(p.Pull, s.covered(ctx, view, own, p.refused))
	return p, nil
}

// refuse notes whether this node has no room for some of a file.
func (s *steward) refuse(id shoal.FileID, so bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if so {
		s.refused[id] = true
	} else {
		delete(s.refused, id)
	}
}

// await notes that somebody waits for a file's copies. While holders are away this
// node may be one of those that take their place.
func (s *steward) await(id shoal.FileID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.view.Away) == 0 || len(s.awaited) >= newsLimit {
		return
	}
	s.awaited[id] = s.now() + awaitedFor
	s.news[id] = true
	s.poke()
}

func (s *steward) isAwaited(id shoal.FileID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now() < s.awaited[id]
}
