// Package placement says which nodes should hold a file's chunks. It is a
// function of the nodes, their weights and zones, and the file: whoever knows
// the same nodes gets the same answer, on any processor.
//
// It is pure. It does not know who is up, who is full or what is where.
//
// docs/spec/placement.md is its specification.
package placement

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"lukechampine.com/blake3"

	"shoal"
)

// How many nodes one file is spread over: in a small shoal all of them, in a
// large one chunks/chunksPerNode, within bounds. So no file needs a thousand
// peers, and one of a few chunks still lies on several nodes.
const (
	MinSpread     = 4
	MaxSpread     = 32
	chunksPerNode = 16

	// smallShoal times the spread is how many nodes are all used. With fewer
	// to choose from, one that goes would upset the choice of the others.
	smallShoal = 4
)

// MaxCopies is the most copies a layout has of a chunk.
const MaxCopies = 32

// Node is one that can hold chunks.
type Node struct {
	ID     shoal.NodeID
	Zone   string // what fails together; nodes without one are in one zone
	Weight int64  // its share is in proportion to this: bytes it allots; none if not positive
}

// Map is the nodes that count. It never changes.
type Map struct {
	nodes []Node // by id, those with a weight
	hosts []host // by node
	log   logarithm
}

// host is what a map works out of a node.
type host struct {
	weight uint64 // scaled, so that the sum of all cannot overflow
	hash   uint64 // of its id
	zone   int    // the number of its zone
}

// maxScaled is the greatest scaled weight.
const maxScaled = 1 << 40

// New makes a map of nodes, in any order. Of several with one id the heaviest
// counts.
func New(nodes []Node) *Map { return newMap(nodes, newLogarithm()) }

// With makes a map of other nodes, as New does in more time: the two share the table of
// logarithms.
func (m *Map) With(nodes []Node) *Map { return newMap(nodes, m.log) }

func newMap(nodes []Node, log logarithm) *Map {
	sorted := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return n.Weight <= 0 })
	slices.SortFunc(sorted, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Zone, b.Zone))
	})
	m := &Map{log: log, nodes: slices.CompactFunc(sorted, func(a, b Node) bool { return a.ID == b.ID })}
	heaviest := int64(1)
	for _, n := range m.nodes {
		heaviest = max(heaviest, n.Weight)
	}
	shift := max(bits.Len64(uint64(heaviest))-bits.Len64(maxScaled), 0)
	zones := make(map[string]int)
	for _, n := range m.nodes {
		if _, known := zones[n.Zone]; !known {
			zones[n.Zone] = len(zones)
		}
		sum := blake3.Sum256([]byte(n.ID))
		m.hosts = append(m.hosts, host{
			weight: max(uint64(n.Weight)>>shift, 1), hash: binary.BigEndian.Uint64(sum[:]), zone: zones[n.Zone],
		})
	}
	return m
}

// Len is how many nodes there are.
func (m *Map) Len() int { return len(m.nodes) }

// Nodes is the nodes, in order of their ids. It is shared: do not change it.
func (m *Map) Nodes() []Node { return m.nodes }

// Has reports whether the node counts.
func (m *Map) Has(id shoal.NodeID) bool {
	_, found := slices.BinarySearchFunc(m.nodes, id, func(n Node, id shoal.NodeID) int { return cmp.Compare(n.ID, id) })
	return found
}

// DigestSize is the length of a digest in bytes.
const DigestSize = 8

// Digest is the same for maps that place everything alike, and else different.
func (m *Map) Digest() [DigestSize]byte {
	h := blake3.New(DigestSize, nil)
	for _, n := range m.nodes {
		var head [12]byte
		binary.BigEndian.PutUint64(head[:], uint64(n.Weight))
		binary.BigEndian.PutUint16(head[8:], uint16(len(n.ID)))
		binary.BigEndian.PutUint16(head[10:], uint16(len(n.Zone)))
		_, _ = h.Write(head[:]) // a hash takes everything
		_, _ = h.Write([]byte(n.ID))
		_, _ = h.Write([]byte(n.Zone))
	}
	return [DigestSize]byte(h.Sum(nil))
}

// spread is how many nodes a file of so many chunks lies on.
func (m *Map) spread(chunks, copies int) int {
	k := max(min(max(chunks/chunksPerNode, MinSpread), MaxSpread), copies)
	if n := len(m.nodes); n <= max(MaxSpread, smallShoal*k) {
		return n
	}
	return k
}
