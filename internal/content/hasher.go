package content

import (
	"fmt"
	"math/bits"
	"sync"

	"lukechampine.com/blake3/guts"

	"shoal"
)

// groupSize is what the assembly of package guts hashes at once: as many
// leaves as fit its widest vectors.
const groupSize = guts.MaxSIMD * guts.ChunkSize

// maxHeight is that of the largest chunk, counted in groups.
const maxHeight = 12

// hashers are for reuse by Verify: a ChunkHasher is large.
var hashers = sync.Pool{New: func() any { return new(ChunkHasher) }}

// ChunkHasher verifies one chunk that comes piece by piece, so that each piece
// is hashed while it is hot in the cache. It is for one goroutine.
type ChunkHasher struct {
	tree  subtree
	want  CV
	flags uint32
	index int
}

// NewChunkHasher returns a hasher for chunk i of f.
func NewChunkHasher(f File, i int) *ChunkHasher {
	h := new(ChunkHasher)
	h.Reset(f, i)
	return h
}

// Reset makes the hasher ready for chunk i of f, which must have such a chunk.
func (h *ChunkHasher) Reset(f File, i int) {
	h.want, h.index, h.flags = f.List[i], i, 0
	if len(f.List) == 1 {
		h.flags = guts.FlagRoot
	}
	h.tree.reset(uint64(f.ChunkOffset(i))/guts.ChunkSize, f.ChunkLen(i))
}

// Write takes the next piece, of any length; bytes past the chunk's end make
// Verify fail.
func (h *ChunkHasher) Write(p []byte) { h.tree.write(p) }

// Verify reports, once all is written, whether it was the chunk; if not, the
// error is shoal.Integrity.
func (h *ChunkHasher) Verify() error {
	if h.tree.left != 0 || output(h.tree.node(), h.flags) != h.want {
		return fmt.Errorf("chunk %d: %w", h.index, shoal.Integrity)
	}
	return nil
}

// subtree hashes up to MaxChunkSize bytes that start at a leaf. Finished
// groups are merged as in a binary counter, so that at most one subtree of each
// height waits (BLAKE3 paper, section 5.1.2).
type subtree struct {
	stack  [maxHeight][8]uint32
	groups uint64 // merged into stack
	first  uint64 // leaf at which the subtree starts
	left   int    // bytes still to come; negative if there were too many
	filled int    // bytes of tail
	tail   [groupSize]byte
}

func (t *subtree) reset(firstLeaf uint64, length int) {
	t.first, t.left, t.groups, t.filled = firstLeaf, length, 0, 0
}

// write takes the next bytes. The last group stays in tail, for it is part of
// the node that the caller may mark as root.
func (t *subtree) write(p []byte) {
	if t.left -= len(p); t.left < 0 {
		return
	}
	if t.filled > 0 {
		n := copy(t.tail[t.filled:], p)
		t.filled += n
		p = p[n:]
		if t.filled == groupSize && (len(p) > 0 || t.left > 0) {
			t.push(&t.tail)
			t.filled = 0
		}
	}
	for len(p) > groupSize || len(p) == groupSize && t.left > 0 {
		t.push((*[groupSize]byte)(p))
		p = p[groupSize:]
	}
	t.filled += copy(t.tail[t.filled:], p)
}

// push merges a whole group.
func (t *subtree) push(group *[groupSize]byte) {
	cv := guts.ChainingValue(guts.CompressBuffer(group, groupSize, &guts.IV, t.leaf(), 0))
	height := 0
	for ; t.groups>>height&1 == 1; height++ {
		cv = guts.ChainingValue(guts.ParentNode(t.stack[height], cv, &guts.IV, 0))
	}
	t.stack[height] = cv
	t.groups++
}

// leaf is the number of the leaf that the next group starts with.
func (t *subtree) leaf() uint64 { return t.first + t.groups*guts.MaxSIMD }

// node is the top of the subtree.
func (t *subtree) node() guts.Node {
	n := guts.CompressBuffer(&t.tail, t.filled, &guts.IV, t.leaf(), 0)
	for height := range bits.Len64(t.groups) {
		if t.groups>>height&1 == 1 {
			n = guts.ParentNode(t.stack[height], guts.ChainingValue(n), &guts.IV, 0)
		}
	}
	return n
}
