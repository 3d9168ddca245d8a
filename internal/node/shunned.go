package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"shoal"
	"shoal/internal/catalog/find"
	"shoal/internal/network/wire"
)

// shunned is which nodes of the roster say that this one is not on it: it was
// removed or revoked while it was away, and nobody may tell it how.
type shunned struct {
	mu sync.Mutex
	by map[shoal.NodeID]bool
}

// note takes in what a peer says.
func (s *shunned) note(peer shoal.NodeID, so bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = make(map[shoal.NodeID]bool)
	}
	if so {
		s.by[peer] = true
	} else {
		delete(s.by, peer)
	}
}

// all reports whether some say so, and nobody else of those who are connected.
func (s *shunned) all(connected []shoal.NodeID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by) > 0 && !slices.ContainsFunc(connected, func(peer shoal.NodeID) bool { return !s.by[peer] })
}

// askAgain is how long a node that says so is left alone: it may not have heard yet
// that this one was let in.
const askAgain = 10 * time.Second

// askWelcome asks a node of the roster that was met whether this one is on it, too,
// until it says so, or is gone.
func (n *Node) askWelcome(ctx context.Context, peer shoal.NodeID) {
	for n.roll.node(peer).Present() && n.roll.node(n.self()).Present() && n.connectedWith(peer) {
		_, err := find.Ask(ctx, n.host, peer, wire.Find{})
		if err == nil {
			n.shunned.note(peer, false)
		}
		if !errors.Is(err, shoal.Unauthorised) {
			return
		}
		n.shunned.note(peer, true)
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return
		}
	}
}
