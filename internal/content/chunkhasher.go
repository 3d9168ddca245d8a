package content

import (
	"fmt"

	"shoal"
)

// ChunkHasher verifies one chunk that comes in pieces, each hashed while it is
// still in the cache. Pieces may have any size; those of 16 KiB and its
// multiples are hashed where they lie, others are copied first. Reset comes before
// the first Write; it allocates nothing, and no later call does. A ChunkHasher is for
// one goroutine at a time.
type ChunkHasher struct {
	file   File
	index  int
	tree   subtree
	buf    group // the start of the next group
	filled int   // bytes in buf
	excess int   // bytes past the chunk's end
}

// Reset forgets what was written and makes the hasher ready for the first byte
// of chunk i of f, which must have passed Check. If there is no such chunk,
// Verify says so.
func (h *ChunkHasher) Reset(f File, i int) {
	h.file, h.index, h.filled, h.excess = f, i, 0, 0
	h.tree.left = 0
	if f.checkIndex(i) == nil {
		f.reset(&h.tree, i)
	}
}

// Write takes the next bytes of the chunk. Bytes past its end make Verify
// fail. P is not kept.
func (h *ChunkHasher) Write(p []byte) {
	take := min(len(p), h.tree.left-h.filled)
	h.excess += len(p) - take
	for p = p[:take]; len(p) > 0; {
		p = p[h.step(p):]
	}
}

// step hashes or buffers some of p, at most one group, and tells how much.
func (h *ChunkHasher) step(p []byte) int {
	if h.filled == 0 && len(p) >= groupSize {
		h.tree.add((*group)(p), groupSize)
		return groupSize
	}
	n := copy(h.buf[h.filled:], p)
	h.filled += n
	if h.filled == min(groupSize, h.tree.left) {
		h.tree.add(&h.buf, h.filled)
		h.filled = 0
	}
	return n
}

// Verify reports whether what was written is the whole chunk and nothing else:
// an Integrity error if not, a Usage error if there is no such chunk.
func (h *ChunkHasher) Verify() error {
	if err := h.file.checkIndex(h.index); err != nil {
		return err
	}
	if h.tree.left != 0 || h.excess != 0 {
		return fmt.Errorf("chunk %d is not as long as it should be: %w", h.index, shoal.Integrity)
	}
	return h.file.compare(h.index, h.tree.cv)
}
