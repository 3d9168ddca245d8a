package content

import (
	"encoding/binary"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

// The BLAKE3 tree (specification, section 2.1) is left-balanced: the left
// child of a node is the largest complete subtree that leaves something for
// the right. So an aligned run of 2^k leaves is always a subtree of its own,
// whatever follows it, and a chunk's value depends only on its bytes and its
// offset. All of this package rests on that.

// groupSize is the number of bytes that guts.CompressBuffer takes at once: a
// leaf of 1 KiB for each lane of the widest vector.
const groupSize = guts.MaxSIMD * guts.ChunkSize

// group is the smallest subtree hashed at vector speed. It may be filled only
// in part; what is behind the end is never part of a hash.
type group = [groupSize]byte

// words is a chaining value as the compression function takes it.
type words = [8]uint32

// spineDepth is how many levels of complete subtrees can wait for their right
// sibling: enough for MaxChunks leaves of a hash list.
const spineDepth = 23

// spine joins subtrees of equal size, given from left to right, into the tree
// above them. It holds the complete subtrees on the tree's right edge: the one
// of 2^i leaves is at cvs[i], and it is there if bit i of leaves is set.
type spine struct {
	cvs    [spineDepth]words
	leaves uint64
}

// push adds a leaf that is not the last.
func (s *spine) push(cv words) {
	i := 0
	for ; s.leaves>>i&1 == 1; i++ {
		cv = guts.ChainingValue(guts.ParentNode(s.cvs[i], cv, &guts.IV, 0))
	}
	s.cvs[i] = cv
	s.leaves++
}

// fold adds the last leaf and returns the value of the whole tree, whose
// topmost node gets the flags top. Without an earlier leaf that is cv itself.
func (s *spine) fold(cv words, top uint32) words {
	for rest := s.leaves; rest != 0; rest &= rest - 1 {
		node := guts.ParentNode(s.cvs[bits.TrailingZeros64(rest)], cv, &guts.IV, 0)
		if rest&(rest-1) == 0 {
			node.Flags |= top
		}
		cv = guts.ChainingValue(node)
	}
	return cv
}

// subtree hashes an aligned run of bytes whose length is known. It runs on
// the caller's core and allocates nothing.
type subtree struct {
	spine   spine
	counter uint64 // of the next leaf, in leaves from the file's start
	left    int    // bytes still to come
	top     uint32 // flags of the topmost node
	cv      words  // the result, once left is 0
}

// reset starts over for length bytes at offset, a multiple of the run's size
// rounded up to a power of two. Length is not 0.
func (t *subtree) reset(offset int64, length int, top uint32) {
	t.spine.leaves = 0
	t.counter = uint64(offset) / guts.ChunkSize
	t.left = length
	t.top = top
}

// write hashes the next bytes: a multiple of groupSize unless they are the
// last ones.
func (t *subtree) write(data []byte) {
	for len(data) >= groupSize {
		t.add((*group)(data), groupSize)
		data = data[groupSize:]
	}
	if len(data) > 0 {
		t.addShort(data)
	}
}

// addShort hashes the last bytes, which do not fill a group.
func (t *subtree) addShort(data []byte) {
	var g group
	t.add(&g, copy(g[:], data))
}

// add hashes the first n bytes of g: all of it, or the last ones.
func (t *subtree) add(g *group, n int) {
	node := guts.CompressBuffer(g, n, &guts.IV, t.counter, 0)
	t.counter += guts.MaxSIMD
	t.left -= n
	if t.left > 0 {
		t.spine.push(guts.ChainingValue(node))
		return
	}
	if t.spine.leaves == 0 {
		node.Flags |= t.top
	}
	t.cv = t.spine.fold(guts.ChainingValue(node), t.top)
}

// cvOf is w as it stands in a hash list: little-endian, as BLAKE3 has it.
func cvOf(w words) CV {
	var cv CV
	for i, word := range w {
		binary.LittleEndian.PutUint32(cv[4*i:], word)
	}
	return cv
}

// words is cv as the compression function takes it.
func (cv CV) words() words {
	var w words
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(cv[4*i:])
	}
	return w
}
