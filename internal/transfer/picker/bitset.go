package picker

import "math/bits"

// bitset is a set of chunks, 64 to a word, so that two of them can be
// intersected a word at a time. A nil bitset cannot be told from an empty one:
// who uses nil for "every chunk" must say so.
type bitset []uint64

func newBitset(size int) bitset { return make(bitset, (size+63)/64) }

// fullBitset has every chunk below size.
func fullBitset(size int) bitset {
	b := newBitset(size)
	for i := range b {
		b[i] = ^uint64(0)
	}
	if tail := size % 64; tail != 0 {
		b[len(b)-1] = 1<<tail - 1
	}
	return b
}

func (b bitset) has(c int32) bool { return b[c>>6]>>(c&63)&1 != 0 }
func (b bitset) set(c int32)      { b[c>>6] |= 1 << (c & 63) }
func (b bitset) clear(c int32)    { b[c>>6] &^= 1 << (c & 63) }

// complement returns the chunks below size that b lacks.
func (b bitset) complement(size int) bitset {
	other := fullBitset(size)
	for i := range other {
		other[i] &^= b[i]
	}
	return other
}

// all yields each chunk in ascending order.
func (b bitset) all(yield func(int32) bool) {
	for i, word := range b {
		for ; word != 0; word &= word - 1 {
			if !yield(int32(i<<6 | bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

// next returns the first chunk in [from, to) that is in b and, unless mask is
// nil, in mask; or none. It looks at one word for each 64 chunks it passes.
func (b bitset) next(mask bitset, from, to int32) int32 {
	if from >= to {
		return none
	}
	first, last := int(from>>6), int(to-1)>>6
	word := b.word(mask, first) &^ (1<<(from&63) - 1)
	if word == 0 {
		first = b.skip(mask, first+1, last)
		if first > last {
			return none
		}
		word = b.word(mask, first)
	}
	if c := int32(first<<6 | bits.TrailingZeros64(word)); c < to {
		return c
	}
	return none
}

func (b bitset) word(mask bitset, i int) uint64 {
	if mask == nil {
		return b[i]
	}
	return b[i] & mask[i]
}

// skip returns the first word in [first, last] that is not zero once masked,
// or last+1. It is the one loop of a pick whose length grows with the file, so
// it takes four words a step.
func (b bitset) skip(mask bitset, first, last int) int {
	if mask == nil {
		mask = b
	}
	w, m := b[first:last+1], mask[first:last+1]
	for len(w) >= 4 && len(m) >= 4 && w[0]&m[0]|w[1]&m[1]|w[2]&m[2]|w[3]&m[3] == 0 {
		w, m = w[4:], m[4:]
	}
	for len(w) > 0 && len(m) > 0 && w[0]&m[0] == 0 {
		w, m = w[1:], m[1:]
	}
	return last + 1 - len(w)
}
