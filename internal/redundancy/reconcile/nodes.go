package reconcile

import (
	"maps"
	"slices"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/repair"
)

// census is the storage nodes of the roster, and the nodes among them that count.
type census struct {
	self   shoal.NodeID
	counts repair.Census
	peers  []Peer
	view   repair.View
	short  []shoal.NodeID             // peers without room for all they should hold
	gen    uint64                     // counts changes of view.In and short
	digest [placement.DigestSize]byte // of view.In
}

// meet takes in the nodes of the roster. A node with a new connection may have the
// chunks that no node had before, so those are asked for again at once.
func (m *Machine) meet(peers []Peer) {
	came := slices.ContainsFunc(peers, func(p Peer) bool {
		return p.Linked && !slices.ContainsFunc(m.peers, func(known Peer) bool { return known.ID == p.ID && known.Linked })
	})
	m.peers = peers
	if came {
		m.backlog.retries.hasten(m.now.Mono)
	}
	m.count()
}

// count takes the census again. When the nodes that count change, or the nodes
// without room, every earlier finding is out of date.
func (m *Machine) count() {
	nodes := make([]repair.Node, len(m.peers))
	var short []shoal.NodeID
	for i, p := range m.peers {
		nodes[i] = p.Node
		if p.Reported && p.Report.Refused > 0 && p.Up && p.ID != m.cfg.Self {
			short = append(short, p.ID)
		}
	}
	slices.Sort(short)
	before := m.view.In
	m.view = m.counts.Step(m.now.Mono, m.cfg.RepairDelay, nodes)
	if m.view.In == before && slices.Equal(short, m.short) {
		return
	}
	m.short, m.digest = short, m.view.In.Digest()
	m.gen++
	m.sweep.wanted, m.sweep.complete = true, false
}

// extents is the holdings of a file at nodes that have no room for all they
// should hold.
type extents map[shoal.NodeID]content.Bitmap

// lacks reports the chunks that those nodes lack, for a node that stands in for
// them.
func (e extents) lacks(node shoal.NodeID, chunk int) bool {
	has, short := e[node]
	return short && !has.Has(chunk)
}

// holders is the nodes that should hold a chunk of a file and answer.
func (c *census) holders(f repair.File, layout *placement.Layout) []shoal.NodeID {
	found := make(map[shoal.NodeID]bool)
	for chunk := range f.Chunks {
		for _, node := range layout.Holders(chunk) {
			if c.view.Up.Has(node) {
				found[node] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// keepers is the nodes that may hold chunks of a file and answer: its holders,
// and all others while some node is away or has no room, or this node refused
// chunks of the file.
func (c *census) keepers(f repair.File, refused bool) []shoal.NodeID {
	layout := c.view.In.File(f.ID, f.Chunks, f.Copies)
	nodes := c.holders(f, layout)
	if len(c.short) == 0 && !refused && len(c.view.Away) == 0 {
		return nodes
	}
	for chunk := range f.Chunks {
		for _, node := range layout.Order(chunk) {
			if c.view.Up.Has(node) && !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
		}
	}
	return nodes
}

// full is the nodes without room that should hold a chunk of a file.
func (c *census) full(f repair.File) (nodes []shoal.NodeID) {
	if len(c.short) == 0 {
		return nil
	}
	layout := c.view.In.File(f.ID, f.Chunks, f.Copies)
	for _, node := range c.short {
		for chunk := range f.Chunks {
			if layout.Holds(node, chunk) {
				nodes = append(nodes, node)
				break
			}
		}
	}
	return nodes
}

// stores reports whether this node should store chunks for others.
func (c *census) stores() bool {
	return slices.ContainsFunc(c.peers, func(p Peer) bool { return p.ID == c.self })
}

// lacking is the bytes that the other nodes say they lack.
func (c *census) lacking() (bytes uint64) {
	for _, p := range c.peers {
		if p.Reported && p.ID != c.self {
			bytes += p.Report.Bytes
		}
	}
	return bytes
}
