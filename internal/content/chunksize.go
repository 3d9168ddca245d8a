package content

import (
	"fmt"
	"math/bits"

	"shoal"
)

// The bounds of what a file may be. MinChunkSize is the leaf of the BLAKE3
// tree; the others keep a hash list within 128 MiB and a chunk within what a
// node can hold in memory.
const (
	MinChunkSize ChunkSize = 1 << 10
	MaxChunkSize ChunkSize = 32 << 20

	MaxChunks       = 1 << 22
	MaxSize   int64 = MaxChunks * int64(MaxChunkSize)
)

// The range of DefaultChunkSize, and the number of chunks it aims not to pass.
const (
	smallDefault ChunkSize = 256 << 10
	largeDefault ChunkSize = 4 << 20
	manyChunks             = 1024
)

// ParseChunkSize takes a number of bytes for a chunk size. It is a Usage error
// unless n is a power of two from MinChunkSize to MaxChunkSize.
func ParseChunkSize(n int64) (ChunkSize, error) {
	if n < int64(MinChunkSize) || n > int64(MaxChunkSize) || n&(n-1) != 0 {
		return 0, fmt.Errorf("chunk size %d is not a power of two from %d to %d: %w", n, MinChunkSize, MaxChunkSize, shoal.Usage)
	}
	return ChunkSize(n), nil
}

// DefaultChunkSize is how a file of size bytes is cut unless someone asks for
// another size: the smallest power of two from 256 KiB to 4 MiB that gives at
// most 1,024 chunks. Larger files stay at 4 MiB while MaxChunks allows it.
func DefaultChunkSize(size int64) ChunkSize {
	cs := smallDefault
	for cs < largeDefault && cs.Chunks(size) > manyChunks {
		cs *= 2
	}
	for cs < MaxChunkSize && cs.Chunks(size) > MaxChunks {
		cs *= 2
	}
	return cs
}

// Chunks is how many chunks a file of size bytes has, the short one at its end
// counted. An empty file has none. Size is from 0 to MaxSize.
func (cs ChunkSize) Chunks(size int64) int {
	return int((size + int64(cs) - 1) >> cs.Log2())
}

// Log2 is the power of two that cs is.
func (cs ChunkSize) Log2() int { return bits.TrailingZeros64(uint64(cs)) }
