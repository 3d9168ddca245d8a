package liveness

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"shoal"
)

// MaxWatchers is the most watchers a node has in a shoal too large for all to
// watch all.
const MaxWatchers = 8

// Handle is a node's id in messages: the first 8 bytes of the SHA-256 of the
// id's text. If two nodes of a roster have one handle, it names neither.
type Handle uint64

// HandleOf gives the handle of a node.
func HandleOf(id shoal.NodeID) Handle {
	sum := sha256.Sum256([]byte(id))
	return Handle(binary.BigEndian.Uint64(sum[:]))
}

// Roster is the set of nodes that should be there, arranged to be asked who
// watches whom. It never changes: many detectors may share one.
//
// The watchers of a node are those that come after it in MaxWatchers orders,
// each an order of all nodes by a hash and closed to a ring. So all have
// as many watchers as nodes to watch, the graph is in one piece whatever the
// hashes, and it is an expander: rumours reach all in O(log n) steps (Law and
// Siu, Distributed construction of random expander networks, INFOCOM 2003).
// The eight best of a rendezvous hash would be as random, but some nodes would
// watch twenty others and some none.
type Roster struct {
	ids      []shoal.NodeID // sorted; a node's place here is its index
	handles  []Handle
	byID     map[shoal.NodeID]int
	byHandle map[Handle]int
	rings    [MaxWatchers]ring
}

// ring is one order of the nodes: which node is at a place, and at which place
// a node is.
type ring struct{ node, place []int32 }

// NewRoster arranges nodes, in any order; doubles count once.
func NewRoster(nodes []shoal.NodeID) *Roster {
	ids := slices.Compact(slices.Sorted(slices.Values(nodes)))
	r := &Roster{ids: ids, handles: make([]Handle, len(ids)), byID: make(map[shoal.NodeID]int, len(ids)), byHandle: make(map[Handle]int, len(ids))}
	double := map[Handle]bool{}
	for i, id := range ids {
		h := HandleOf(id)
		_, taken := r.byHandle[h]
		double[h] = double[h] || taken
		r.handles[i], r.byID[id], r.byHandle[h] = h, i, i
	}
	for h, is := range double {
		if is {
			delete(r.byHandle, h)
		}
	}
	for k := range r.rings {
		r.rings[k] = r.order(uint64(k))
	}
	return r
}

// order makes the ring with number k.
func (r *Roster) order(k uint64) ring {
	made := ring{node: make([]int32, len(r.ids)), place: make([]int32, len(r.ids))}
	for i := range made.node {
		made.node[i] = int32(i)
	}
	key := func(i int32) uint64 { return mix(uint64(r.handles[i]) + k*golden) }
	slices.SortFunc(made.node, func(a, b int32) int {
		return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a, b))
	})
	for place, i := range made.node {
		made.place[i] = int32(place)
	}
	return made
}

// Len is how many nodes there are.
func (r *Roster) Len() int { return len(r.ids) }

// index gives the place of a node; -1 if it is not on the roster.
func (r *Roster) index(id shoal.NodeID) int {
	if i, ok := r.byID[id]; ok {
		return i
	}
	return -1
}

// find is index for a handle.
func (r *Roster) find(h Handle) int {
	if i, ok := r.byHandle[h]; ok {
		return i
	}
	return -1
}

// next gives the nodes after i on ring k, or with step -1 those before it,
// until yield has enough or the ring is round.
func (r *Roster) next(k, i, step int, yield func(int) bool) {
	on, n := &r.rings[k], len(r.ids)
	for place, left := int(on.place[i]), n-1; left > 0; left-- {
		place = (place + step + n) % n
		if !yield(int(on.node[place])) {
			return
		}
	}
}

// golden is 2^64 divided by the golden ratio: multiples of it are far apart.
const golden = 0x9e3779b97f4a7c15

// mix spreads the bits of x over all of the result: the finalizer of
// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
