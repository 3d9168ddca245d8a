package standing

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/roster"
)

// peer is a node with a connection.
type peer struct {
	greeted bool          // it was allowed at some time since it connected
	leaves  time.Duration // when its connection is ended; never if it may stay
	asks    question
	again   time.Duration // when it is asked again
}

// enrol takes in the roster.
func (m *Machine) enrol(nodes []roster.Node) {
	before := m.nodes
	m.nodes = make(map[shoal.NodeID]roster.Node, len(nodes))
	var here, moved []shoal.NodeID
	for _, n := range nodes {
		m.nodes[n.ID] = n
		if n.Present() {
			here = append(here, n.ID)
		}
		if before != nil && n.ID != m.cfg.Self && !slices.Equal(n.Addrs, before[n.ID].Addrs) {
			moved = append(moved, n.ID)
		}
	}
	if !slices.Equal(here, m.here) {
		m.here = here
		m.act(Enrol{Nodes: slices.Clone(here)})
	}
	for _, id := range moved { // after Enrol: the failure detector must know the node
		m.act(Moved{Node: id})
	}
	clear(m.tried)
}

func (m *Machine) connected(id shoal.NodeID) {
	m.peers[id] = &peer{leaves: never}
	delete(m.tried, id)
}

// connections takes in the list of all peers.
func (m *Machine) connections(ids []shoal.NodeID) {
	there := make(map[shoal.NodeID]bool, len(ids))
	for _, id := range ids {
		there[id] = true
		if m.peers[id] == nil {
			m.connected(id)
		}
	}
	for id := range m.peers {
		if !there[id] {
			delete(m.peers, id)
		}
	}
}

// attend greets the peers that are allowed, and sees off those that no longer are.
func (m *Machine) attend() {
	for _, id := range m.connectedPeers() {
		p := m.peers[id]
		if !m.Allows(id) {
			m.seeOff(id, p)
			continue
		}
		p.leaves = never
		if !p.greeted {
			p.greeted = true
			m.act(Greet{Peer: id})
		}
	}
}

// seeOff ends the connection of a node that is no longer on the roster, when it has
// been told so. A stranger may stay: it may be about to join, as may a removed node
// that comes back with a new ticket.
func (m *Machine) seeOff(id shoal.NodeID, p *peer) {
	if !p.greeted && !m.Expelled(id) {
		return
	}
	if p.leaves == never {
		p.leaves = m.now + LastNews
		if !p.greeted && m.nodes[id].State == roster.Revoked {
			p.leaves = m.now + Farewell
		}
	}
	if m.due(p.leaves) {
		m.act(Disconnect{Peer: id})
		p.leaves = m.now + LastNews // for a connection that was made meanwhile
		m.due(p.leaves)
	}
}

func (m *Machine) present(id shoal.NodeID) bool { return m.nodes[id].Present() }

// Allows reports whether this node speaks with a peer: the peer is on the roster, or
// is the sponsor from which this node has not yet learnt the roster.
func (m *Machine) Allows(id shoal.NodeID) bool {
	return m.present(id) || id == m.cfg.Sponsor && id != "" && !m.present(m.cfg.Self)
}

// Expelled reports whether a peer was removed or revoked.
func (m *Machine) Expelled(id shoal.NodeID) bool {
	return m.nodes[id].Role > roster.Stranger && !m.Allows(id)
}

// Here is the nodes that are on the roster now, sorted.
func (m *Machine) Here() []shoal.NodeID { return slices.Clone(m.here) }

// Neighbours is the connected peers that this node speaks with, sorted.
func (m *Machine) Neighbours() []shoal.NodeID {
	return slices.DeleteFunc(m.connectedPeers(), func(id shoal.NodeID) bool { return !m.Allows(id) })
}

// Seeks is the nodes whose last known addresses this node should try, because it
// cannot go by the roster: the sponsor; or if it is lost, all acquaintances.
func (m *Machine) Seeks() []shoal.NodeID {
	switch {
	case m.Lost():
		return slices.Clone(m.known)
	case m.present(m.cfg.Self) || m.cfg.Sponsor == "":
		return nil
	}
	return []shoal.NodeID{m.cfg.Sponsor}
}
