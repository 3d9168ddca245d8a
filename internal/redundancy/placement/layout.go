package placement

import (
	"encoding/binary"
	"slices"

	"shoal"
)

// Layout is where one file's chunks should be.
type Layout struct {
	m          *Map
	candidates []int    // nodes the file is spread over
	others     []int    // all other nodes, in its order; worked out when asked for
	chance     []uint64 // by candidate
	seeds      []uint64 // by candidate
	chunks     int
	copies     int
	holders    []int // copies of each chunk after the other
	file       shoal.FileID
}

// File is the layout of a file of so many chunks, each wanted in so many copies:
// 1 to MaxCopies, of which there are at most as many as nodes.
func (m *Map) File(file shoal.FileID, chunks, copies int) *Layout {
	l := &Layout{m: m, file: file, chunks: chunks, copies: min(copies, MaxCopies, len(m.nodes))}
	if l.copies <= 0 || chunks <= 0 {
		l.copies = 0
		return l
	}
	spread := m.spread(chunks, l.copies)
	l.choose(spread)
	wide, narrow := m.chances(spread), m.chances(l.copies)
	for _, node := range l.candidates {
		l.chance = append(l.chance, ratio(narrow[node], wide[node]))
	}
	l.place()
	l.cover()
	return l
}

// slotSeed is the number that a node draws from for a slot of the file.
func (l *Layout) slotSeed(slot, node int) uint64 {
	return mix(binary.BigEndian.Uint64(l.file[:]) + uint64(slot)*golden + mix(l.m.hosts[node].hash))
}

// choose is the nodes the file is spread over. In a small shoal these are all.
// In a large one each of the file's slots is given to a node by a race of its
// own; so when a node goes, another takes over its slot, and the chunks in
// the other slots stay where they are.
func (l *Layout) choose(spread int) {
	if spread == len(l.m.nodes) {
		for node := range l.m.nodes {
			l.candidates = append(l.candidates, node)
			l.seeds = append(l.seeds, l.slotSeed(0, node))
		}
		return
	}
	d := l.everyone(l.m.chances(spread), 0)
	d.wanted = spread
	sum := uint64(spread) * one
	for slot := range spread {
		for i := range d.racers {
			d.racers[i].left = l.m.log.exponential(l.slotSeed(slot, d.racers[i].node))
		}
		winner := d.next(sum, spread-slot)
		l.candidates = append(l.candidates, d.racers[winner].node)
		l.seeds = append(l.seeds, mix(binary.BigEndian.Uint64(l.file[8:])+uint64(slot)*golden))
		sum -= min(d.chance[winner], sum)
		d.remove(winner)
	}
}

// everyone is a race of all nodes for a slot.
func (l *Layout) everyone(chance []uint64, slot int) drawing {
	d := drawing{chance: chance}
	for node, h := range l.m.hosts {
		d.racers = append(d.racers, racer{left: l.m.log.exponential(l.slotSeed(slot, node)), node: node})
		d.zone = append(d.zone, h.zone)
	}
	return d
}

// golden spreads the chunks' numbers before they are mixed.
const golden = 0x9e3779b97f4a7c15

// drawing is the race for one chunk among the candidates, whose places here
// stand for the nodes.
func (l *Layout) drawing(chunk int, d *drawing) {
	d.racers, d.chance, d.zone, d.wanted = d.racers[:0], append(d.chance[:0], l.chance...), d.zone[:0], l.copies
	for i, node := range l.candidates {
		d.racers = append(d.racers, racer{left: l.variable(i, chunk), node: node})
		d.zone = append(d.zone, l.m.hosts[node].zone)
	}
}

// variable is what a candidate draws for a chunk.
func (l *Layout) variable(candidate, chunk int) uint64 {
	return l.m.log.exponential(mix(l.seeds[candidate] + uint64(chunk+1)*golden))
}

// place finds every chunk's holders.
func (l *Layout) place() {
	l.holders = make([]int, 0, l.chunks*l.copies)
	var d drawing
	for chunk := range l.chunks {
		l.drawing(chunk, &d)
		l.holders = d.order(l.holders, l.copies)
	}
}

// cover gives a chunk to candidates that got none, so that a file lies on at
// least MinSpread nodes where it has that many chunks.
func (l *Layout) cover() {
	if l.chunks < MinSpread {
		return
	}
	held := make(map[int]int)
	for _, node := range l.holders {
		held[node]++
	}
	for i, node := range l.candidates {
		if held[node] > 0 || len(held) >= min(MinSpread, len(l.candidates)) {
			continue
		}
		if at := l.nearest(i, held); at >= 0 {
			held[l.holders[at]]--
			l.holders[at] = node
			held[node]++
		}
	}
}

// nearest is the place among the holders that a candidate takes over: of a chunk
// for which it drew the least, from a node that has others, and without
// leaving a zone for one that has a copy. -1 if there is none.
func (l *Layout) nearest(candidate int, held map[int]int) int {
	best, bestLeft := -1, uint64(0)
	for at, node := range slices.Backward(l.holders) {
		if held[node] < 2 || l.leavesZone(at, l.candidates[candidate]) {
			continue
		}
		if left := l.variable(candidate, at/l.copies); best < 0 || left < bestLeft {
			best, bestLeft = at, left
		}
	}
	return best
}

// leavesZone reports whether a chunk would have copies in fewer zones if another
// node held what is at a place among the holders.
func (l *Layout) leavesZone(at, node int) bool {
	was, would := l.m.hosts[l.holders[at]].zone, l.m.hosts[node].zone
	leaves, comes := true, true
	first := at / l.copies * l.copies
	for other := first; other < first+l.copies; other++ {
		if other != at {
			zone := l.m.hosts[l.holders[other]].zone
			leaves, comes = leaves && zone != was, comes && zone != would
		}
	}
	return leaves && !comes
}

// Copies is how many holders each chunk has: those wanted, or all nodes.
func (l *Layout) Copies() int { return l.copies }

// Holders is the nodes that should hold a chunk, the first of them the one to
// ask first.
func (l *Layout) Holders(chunk int) []shoal.NodeID {
	nodes := make([]shoal.NodeID, l.copies)
	for i, node := range l.holders[chunk*l.copies : (chunk+1)*l.copies] {
		nodes[i] = l.m.nodes[node].ID
	}
	return nodes
}

// Holds reports whether a node should hold a chunk.
func (l *Layout) Holds(node shoal.NodeID, chunk int) bool {
	return slices.ContainsFunc(l.holders[chunk*l.copies:(chunk+1)*l.copies], func(i int) bool { return l.m.nodes[i].ID == node })
}

// Order is all nodes in the order in which they should hold a chunk: its
// holders, the file's other candidates, and then the rest. When one is full or
// away, the next takes its place.
func (l *Layout) Order(chunk int) []shoal.NodeID {
	if l.copies == 0 {
		return nil
	}
	order := slices.Clone(l.holders[chunk*l.copies : (chunk+1)*l.copies])
	var d drawing
	l.drawing(chunk, &d)
	if l.others == nil {
		rest := l.everyone(l.m.chances(len(l.candidates)), len(l.candidates))
		l.others = rest.order(nil, len(l.m.nodes))
	}
	for _, node := range append(d.order(nil, len(l.candidates)), l.others...) {
		if !slices.Contains(order, node) {
			order = append(order, node)
		}
	}
	nodes := make([]shoal.NodeID, len(order))
	for i, node := range order {
		nodes[i] = l.m.nodes[node].ID
	}
	return nodes
}
