package picker

// rarity keeps all chunks sorted by how many peers have them, in one array:
// level after level, rarest first, and in each level the chunks that may be
// picked before those that may not.
//
//	order  [ free 0 | taken 0 ][ free 1 | taken 1 ][ free 2 | taken 2 ] ...
//	        ^start   ^mid       ^start   ^mid
//
// A chunk that becomes more or less common, or is taken or freed, moves over a
// border by swapping places with the chunk at the border: O(1), whatever the
// size of the file. This is the piece_picker of libtorrent (position array and
// priority boundaries, src/piece_picker.cpp) with one difference: the taken
// keep a place in their level, so that taking a chunk does not shift every
// level above it.
//
// What is counted of a chunk is not the number of peers but its difference to
// base, so a peer that has every chunk costs one addition.
type rarity struct {
	order  []int32
	place  []int32 // order[place[c]] == c
	count  []int32 // peers that have c, less base
	levels []level // never empty; levels[i] is of the chunks whose count is lowest+i
	lowest int32
	base   int32
}

// level is where a level and its taken chunks begin in order.
type level struct{ start, mid int32 }

// newRarity returns size chunks, all taken, that nobody has.
func newRarity(size int) rarity {
	r := rarity{
		order:  make([]int32, size),
		place:  make([]int32, size),
		count:  make([]int32, size),
		levels: []level{{}},
	}
	for c := range r.order {
		r.order[c], r.place[c] = int32(c), int32(c)
	}
	return r
}

// level is the index of c's level: lower is rarer.
func (r *rarity) level(c int32) int { return int(r.count[c] - r.lowest) }

// first is the lowest level of which some peer has the chunks.
func (r *rarity) first() int { return int(max(0, 1-r.base-r.lowest)) }

// freeAt is the chunks of level i that may be picked.
func (r *rarity) freeAt(i int) []int32 {
	l := r.levels[i]
	return r.order[l.start:l.mid]
}

// take moves a free chunk among the taken of its level.
func (r *rarity) take(c int32) {
	l := &r.levels[r.level(c)]
	l.mid--
	r.move(c, l.mid)
}

// free moves a taken chunk among the free of its level.
func (r *rarity) free(c int32) {
	l := &r.levels[r.level(c)]
	r.move(c, l.mid)
	l.mid++
}

// raise counts one peer more for c.
func (r *rarity) raise(c int32) {
	if r.level(c)+1 == len(r.levels) {
		r.addTop()
	}
	i := r.level(c)
	free := r.place[c] < r.levels[i].mid
	if free {
		r.take(c)
	}
	up := &r.levels[i+1]
	up.start--
	r.move(c, up.start)
	r.count[c]++
	if !free { // the first place of the level above is one of its free places
		up.mid--
		r.move(c, up.mid)
	}
}

// lower counts one peer less for c.
func (r *rarity) lower(c int32) {
	if r.level(c) == 0 {
		r.addBottom()
	}
	i := r.level(c)
	l := &r.levels[i]
	free := r.place[c] < l.mid
	if !free {
		r.free(c)
	}
	r.move(c, l.start)
	l.start++
	r.count[c]--
	if free { // the last place of the level below is one of its taken places
		r.free(c)
	}
}

// addTop makes room for one peer more than any chunk has, and drops the levels
// at the bottom that emptied.
func (r *rarity) addTop() {
	end := int32(len(r.order))
	r.levels = append(r.levels, level{end, end})
	empty := 0
	for r.levels[empty+1].start == 0 { // the new level begins at the end, so it stays
		empty++
	}
	r.levels = append(r.levels[:0], r.levels[empty:]...)
	r.lowest += int32(empty)
}

// addBottom makes room for one peer less than any chunk has, and drops the
// levels at the top that emptied.
func (r *rarity) addBottom() {
	end := int32(len(r.order))
	for r.levels[len(r.levels)-1].start == end { // the first level begins at 0, so it stays
		r.levels = r.levels[:len(r.levels)-1]
	}
	r.levels = append(r.levels, level{})
	copy(r.levels[1:], r.levels)
	r.levels[0] = level{}
	r.lowest--
}

// move swaps c with the chunk at place to.
func (r *rarity) move(c, to int32) {
	from, other := r.place[c], r.order[to]
	r.order[from], r.order[to] = other, c
	r.place[other], r.place[c] = from, to
}
