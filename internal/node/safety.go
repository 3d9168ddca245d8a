package node

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/redundancy/safety"
)

// account has this node say to all what it lacks.
func (s *steward) account() {
	log, err := s.n.journal.Applied().Digest() // before the look at what is still to be done
	if err != nil {
		s.n.cfg.Log.Error("the journal's vector cannot be told", "err", err)
		return
	}
	s.mu.Lock()
	a := safety.Account{
		Map: s.view.In.Digest(), Log: [8]byte(log[:8]), Files: uint32(min(len(s.lacks), 1<<31)), Refused: uint32(min(len(s.refused), 1<<31)),
		Stuck: uint32(min(s.stuck(), 1<<31)),
		Done:  s.seen && !s.all && len(s.news) == 0 && s.keeper.Idle(),
	}
	for _, bytes := range s.lacks {
		a.Bytes += uint64(bytes)
	}
	s.own = a
	s.mu.Unlock()
	own := liveness.Own{Digest: a.Encode()}
	if usage, err := s.n.quota.Usage(s.n.ctx); err == nil {
		own.Free, own.Full = uint64(max(usage.Free, 0)), usage.Free <= fullBelow
	}
	s.n.beats.Say(own)
}

// fullBelow is how little room makes a node say that it is full.
const fullBelow = 64 << 20

// wakingTime is how long a process that stood still takes to learn what became of
// the others: to miss the beats of those that are gone, and to be told by the
// rest how they are.
func (n *Node) wakingTime() time.Duration {
	return cmp.Or(n.cfg.DownAfter, liveness.DefaultDown) + liveness.DefaultUpdate
}

// safety is how the files are.
func (n *Node) safety(ctx context.Context) (safety.Verdict, error) {
	wanted, err := n.catalog.Wanted(ctx)
	if err != nil {
		return safety.Verdict{}, fmt.Errorf("look at the catalogue: %w", err)
	}
	log, err := n.journal.Digest() // after the look at the files: all that named one is in it
	if err != nil {
		return safety.Verdict{}, fmt.Errorf("look at the journal: %w", err)
	}
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range n.beats.Members() {
		seen[m.Node] = m
	}
	n.steward.mu.Lock()
	view, own := n.steward.view, n.steward.own
	n.steward.mu.Unlock()
	own.Done = own.Done && own.Map == view.In.Digest() && own.Log == [8]byte(log[:8]) // else it was made before what is to be judged
	s := safety.Shoal{Lost: n.membership.Lost(), Moved: n.membership.Doubtful(), Asleep: n.beats.Awake() < n.wakingTime(), Own: own, Keeps: view.In.Has(n.self()), Braked: view.Braked, Wanted: wanted}
	s.Out, _ = n.membership.Outside()
	for _, node := range view.In.Nodes() {
		if node.ID == n.self() {
			continue
		}
		m := seen[node.ID]
		a, known := safety.Parse(m.Own.Digest)
		s.Others = append(s.Others, safety.Node{Name: n.membership.NameOf(node.ID), Up: m.State == liveness.Alive, Known: known, Account: a})
	}
	for _, id := range view.Away {
		s.Away = append(s.Away, n.membership.NameOf(id))
	}
	if view.Next > 0 {
		s.Delay = max(view.Next-n.steward.now(), time.Second)
	}
	slices.Sort(s.Away)
	return safety.Judge(s), nil
}

// holders is the nodes that should hold some chunk of a file and answer.
func (s *steward) holders(id shoal.FileID, chunks, copies int) []shoal.NodeID {
	s.mu.Lock()
	view := s.view
	s.mu.Unlock()
	layout := view.In.File(id, chunks, copies)
	found := make(map[shoal.NodeID]bool)
	for chunk := range chunks {
		for _, node := range layout.Holders(chunk) {
			if view.Up.Has(node) {
				found[node] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
