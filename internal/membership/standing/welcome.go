package standing

import "shoal/internal/membership/roster"

// question is how far this node has asked a peer whether it is welcome.
type question uint8

const (
	unasked question = iota
	asked            // an Ask was given
	turned           // the peer says no, and is asked again
	done
)

// askWelcome asks each connected node of the roster whether this node is on its
// roster, too. A node that was removed while it was away may not hear of it in any
// other way.
func (m *Machine) askWelcome() {
	if !m.present(m.cfg.Self) {
		return
	}
	for _, id := range m.connectedPeers() {
		p := m.peers[id]
		if !m.present(id) || p.asks == done || p.asks == asked || p.asks == turned && !m.due(p.again) {
			continue
		}
		p.asks = asked
		m.act(Ask{Peer: id})
	}
}

func (m *Machine) answered(e Welcome) {
	switch e.Answer {
	case Yes:
		delete(m.rejectedBy, e.Peer)
	case No:
		m.rejectedBy[e.Peer] = true
	case Unknown:
	}
	p := m.peers[e.Peer]
	switch {
	case p == nil:
	case e.Answer == No:
		p.asks, p.again = turned, m.now+AskAgain
	default:
		p.asks = done
	}
}

// Verdict is whether this node is a member, and if not why.
type Verdict uint8

// The verdicts.
const (
	Inside   Verdict = iota
	Unheard          // the node has not heard that it was admitted
	Removed          // it may be admitted again
	Revoked          // for good
	Rejected         // all nodes that it reaches say that it is not on their rosters
)

// Verdict reports whether this node is a member.
func (m *Machine) Verdict() Verdict {
	switch own := m.nodes[m.cfg.Self]; {
	case own.State == roster.Revoked:
		return Revoked
	case own.State == roster.Removed:
		return Removed
	case !own.Present():
		return Unheard
	case m.rejected():
		return Rejected
	}
	return Inside
}

// rejected reports whether some nodes say that this one is not on their rosters, and
// no connected one says otherwise.
func (m *Machine) rejected() bool {
	for _, id := range m.Neighbours() {
		if !m.rejectedBy[id] {
			return false
		}
	}
	return len(m.rejectedBy) > 0
}
