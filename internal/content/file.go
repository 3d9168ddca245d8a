package content

import (
	"fmt"

	"shoal"
)

// Chunks is how many chunks the file has.
func (f File) Chunks() int { return f.ChunkSize.Chunks(f.Size) }

// ChunkOffset is where chunk i starts in the file, in bytes.
func (f File) ChunkOffset(i int) int64 { return int64(i) * int64(f.ChunkSize) }

// ChunkLen is the length of chunk i in bytes: the chunk size, but for the last.
func (f File) ChunkLen(i int) int {
	return int(min(int64(f.ChunkSize), f.Size-f.ChunkOffset(i)))
}

// Check reports whether such a file can be, and whether the hash list belongs
// to the id. Errors are shoal.Usage for a shape out of bounds and
// shoal.Integrity for a list that does not fit.
func (f File) Check() error {
	if _, err := ParseChunkSize(int64(f.ChunkSize)); err != nil {
		return err
	}
	if f.Size < 0 || f.Size > int64(f.ChunkSize)*MaxChunks {
		return fmt.Errorf("size %d is not from 0 to %d chunks of %d bytes: %w", f.Size, MaxChunks, f.ChunkSize, shoal.Usage)
	}
	if len(f.List) != f.Chunks() {
		return fmt.Errorf("hash list has %d values for %d chunks: %w", len(f.List), f.Chunks(), shoal.Integrity)
	}
	if root := f.List.Root(f.Size, f.ChunkSize); root != f.ID {
		return fmt.Errorf("hash list is that of %s, not of %s: %w", root.Short(), f.ID.Short(), shoal.Integrity)
	}
	return nil
}

// Verify reports whether data is chunk i of the file; if not, the error is
// shoal.Integrity. It allocates nothing and uses one core.
func (f File) Verify(i int, data []byte) error {
	if i < 0 || i >= len(f.List) || len(data) != f.ChunkLen(i) {
		return fmt.Errorf("chunk %d with %d bytes: %w", i, len(data), shoal.Integrity)
	}
	h := hashers.Get().(*ChunkHasher)
	defer hashers.Put(h)
	h.Reset(f, i)
	h.Write(data)
	return h.Verify()
}
