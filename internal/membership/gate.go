package membership

import (
	"context"
	"time"

	"shoal"
	"shoal/internal/membership/standing"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

// Gate has serve called only with streams of peers that this node speaks with. The
// others are told that they are not on the roster. A node that has just joined may come
// before the word of it, and waits for up to standing.GateWait, or until ctx ends.
func (m *Membership) Gate(ctx context.Context, serve func(network.Stream)) func(network.Stream) {
	return func(s network.Stream) {
		if m.admitted(ctx, s.Peer()) {
			serve(s)
			return
		}
		m.cfg.Log.Info("a node that is not on the roster was refused", "peer", s.Peer())
		turnAway(s)
	}
}

// admitted reports whether a peer is spoken with, now or when the word of it comes.
func (m *Membership) admitted(ctx context.Context, peer shoal.NodeID) bool {
	m.mu.Lock()
	if m.machine.Allows(peer) {
		m.mu.Unlock()
		return true
	}
	m.visits++
	visit, answer := m.visits, make(chan bool, 1)
	m.visitors[visit] = answer
	m.stepLocked(standing.Knock{Visit: visit, Peer: peer})
	m.mu.Unlock()
	served := false
	select {
	case served = <-answer:
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.visitors, visit)
	return served
}

// turnAway tells a peer that it is not served.
func turnAway(s network.Stream) {
	bye := wire.Goodbye{Reason: wire.ReasonUnauthorised, Text: "you are not on this shoal's roster"}
	if s.SetDeadline(time.Now().Add(standing.GateWait)) != nil {
		s.Reset()
		return
	}
	if _, err := s.Write(bye.Append(nil)); err != nil || s.Close() != nil {
		s.Reset()
	}
}
