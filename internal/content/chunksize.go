package content

import (
	"fmt"
	"math/bits"

	"shoal"
)

// Bounds. The smallest chunk is a leaf of the BLAKE3 tree. With MaxChunks the
// hash list of the largest file takes 128 MiB.
const (
	MinChunkSize ChunkSize = 1 << 10
	MaxChunkSize ChunkSize = 32 << 20
	MaxChunks              = 1 << 22
	MaxSize                = MaxChunks * int64(MaxChunkSize)
)

// The defaults lie between these, and aim at no more than aimChunks.
const (
	minDefault ChunkSize = 256 << 10
	maxDefault ChunkSize = 4 << 20
	aimChunks            = 4096
)

// ParseChunkSize gives n bytes as a chunk size, or a shoal.Usage error.
func ParseChunkSize(n int64) (ChunkSize, error) {
	if n < int64(MinChunkSize) || n > int64(MaxChunkSize) || n&(n-1) != 0 {
		return 0, fmt.Errorf("chunk size %d is not a power of two from %d to %d bytes: %w", n, MinChunkSize, MaxChunkSize, shoal.Usage)
	}
	return ChunkSize(n), nil
}

// DefaultChunkSize is the smallest power of two from 256 KiB to 4 MiB that cuts
// a file of size bytes into at most 4,096 chunks; for files too large for that,
// 4 MiB, and more only where MaxChunks demands it.
func DefaultChunkSize(size int64) ChunkSize {
	cs := minDefault
	for cs < maxDefault && size > aimChunks*int64(cs) {
		cs *= 2
	}
	for cs < MaxChunkSize && size > MaxChunks*int64(cs) {
		cs *= 2
	}
	return cs
}

// Chunks is how many chunks a file of size bytes is cut into: 0 if it is empty.
func (cs ChunkSize) Chunks(size int64) int {
	return int((size + int64(cs) - 1) / int64(cs))
}

// Log2 is the binary logarithm of the size.
func (cs ChunkSize) Log2() int { return bits.TrailingZeros64(uint64(cs)) }
