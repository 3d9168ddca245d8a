package standing

import (
	"time"

	"shoal"
)

// visitor is a stranger at the gate.
type visitor struct {
	visit uint64
	peer  shoal.NodeID
	until time.Duration
}

// knock has a visitor wait. A node that has just joined may come before the word of
// it. One that was removed or revoked is refused at once, as is one too many.
func (m *Machine) knock(e Knock) {
	if !m.Allows(e.Peer) && (m.Expelled(e.Peer) || len(m.waiting) >= GateQueue) {
		m.act(Refuse{Visit: e.Visit})
		return
	}
	m.waiting = append(m.waiting, visitor{visit: e.Visit, peer: e.Peer, until: m.now + GateWait})
}

// open serves the visitors that are allowed now, and refuses those that have waited
// long enough.
func (m *Machine) open() {
	still := m.waiting[:0]
	for _, v := range m.waiting {
		switch {
		case m.Allows(v.peer):
			m.act(Serve{Visit: v.visit})
		case m.Expelled(v.peer) || m.due(v.until):
			m.act(Refuse{Visit: v.visit})
		default:
			still = append(still, v)
		}
	}
	m.waiting = still
}
