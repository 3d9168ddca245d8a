package crashfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sectorSize is what a disk writes whole or not at all, in bytes.
const sectorSize = 512

// Crash cuts the power, if it is not cut yet, and returns the file system as
// it is found afterwards. What was synced is there; the dice of rng say what
// of the rest is. The old one answers every call with ErrPower from now on.
func (s *System) Crash(rng *rand.Rand) *System {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	after := &System{free: s.free, clock: s.clock, inode: s.inode}
	after.root = survivor{rng: rng, seen: map[*node]*node{}}.of(s.root)
	return after
}

// survivor makes the tree that is left. A file with two names stays one file.
type survivor struct {
	rng  *rand.Rand
	seen map[*node]*node
}

func (v survivor) of(n *node) *node {
	if twin := v.seen[n]; twin != nil {
		return twin
	}
	left := &node{kind: n.kind, inode: n.inode, mtime: n.mtime}
	v.seen[n] = left
	if n.kind == regular {
		left.data = v.bytes(n)
		left.durable = slices.Clone(left.data)
		return left
	}
	left.names = map[string]*node{}
	for name, child := range v.names(n) {
		left.names[name] = v.of(child)
	}
	left.synced = maps.Clone(left.names)
	return left
}

// names throws a die for each name that is not on the disk as it is in memory,
// in their order, so that a seed means the same each time. A file that was
// given another name in the folder has the one or the other, as a journal has
// it; between folders it may have both, or none.
func (v survivor) names(n *node) map[string]*node {
	left := maps.Clone(n.synced)
	moved := map[*node]string{} // from its name on the disk
	for name, child := range n.synced {
		if n.names[name] != child {
			moved[child] = name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		child := n.names[name]
		if child == n.synced[name] || v.rng.IntN(2) == 0 {
			delete(moved, child) // it keeps the name it had
			continue
		}
		if from, ok := moved[child]; ok && left[from] == child {
			delete(left, from)
		}
		delete(moved, child)
		left[name] = child
	}
	for _, name := range slices.Sorted(maps.Values(moved)) {
		if v.rng.IntN(2) == 0 && left[name] == n.synced[name] {
			delete(left, name)
		}
	}
	return left
}

// bytes throws a die for the size and for each sector that was not synced.
func (v survivor) bytes(n *node) []byte {
	left := slices.Clone(n.durable)
	if len(n.data) != len(n.durable) && v.rng.IntN(2) == 0 {
		grown := node{data: left}
		grown.resize(int64(len(n.data)))
		left = grown.data
	}
	for off := 0; off < min(len(left), len(n.data)); off += sectorSize {
		end := min(off+sectorSize, len(left), len(n.data))
		v.sector(left[off:end], n.data[off:end])
	}
	return left
}

// sector keeps, loses or tears what was written over old.
func (v survivor) sector(old, written []byte) {
	if slices.Equal(old, written) {
		return
	}
	switch v.rng.IntN(3) {
	case 0:
		copy(old, written)
	case 1:
		for i := range old {
			old[i] = byte(v.rng.Uint32())
		}
	}
}
