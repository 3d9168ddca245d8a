package content

import (
	"fmt"

	"lukechampine.com/blake3/guts"

	"shoal"
)

// newFile is a file of size bytes of which nothing is hashed yet. Size and
// chunk size out of bounds are a Usage error.
func newFile(size int64, cs ChunkSize) (File, error) {
	f := File{Size: size, ChunkSize: cs}
	if err := f.checkBounds(); err != nil {
		return File{}, err
	}
	f.List = make(HashList, f.Chunks())
	return f, nil
}

// Chunks is how many chunks the file has.
func (f File) Chunks() int { return f.ChunkSize.Chunks(f.Size) }

// ChunkOffset is where chunk i starts, in bytes from the start of the file.
func (f File) ChunkOffset(i int) int64 { return int64(i) * int64(f.ChunkSize) }

// ChunkLen is how many bytes chunk i has: ChunkSize, but for the last. I is
// from 0 to Chunks()-1.
func (f File) ChunkLen(i int) int {
	return int(min(int64(f.ChunkSize), f.Size-f.ChunkOffset(i)))
}

// Check reports whether the file can be trusted: size and chunk size in bounds
// (else a Usage error), and the hash list as long as it must be and the one
// that the id stands for (else an Integrity error). It hashes the whole list on
// one core, 0.12 microseconds for each chunk. That the last chunk is as short as
// Size says is proved only by Verify.
func (f File) Check() error {
	if err := f.checkBounds(); err != nil {
		return err
	}
	if len(f.List) != f.Chunks() {
		return fmt.Errorf("hash list has %d chunks, a file of %d bytes cut at %d has %d: %w", len(f.List), f.Size, f.ChunkSize, f.Chunks(), shoal.Integrity)
	}
	if root := f.List.Root(f.Size, f.ChunkSize); root != f.ID {
		return fmt.Errorf("hash list is of file %s, not of %s: %w", root.Short(), f.ID.Short(), shoal.Integrity)
	}
	return nil
}

// checkBounds is a Usage error unless a file may have this size and be cut so.
func (f File) checkBounds() error {
	if _, err := ParseChunkSize(int64(f.ChunkSize)); err != nil {
		return err
	}
	if f.Size < 0 || f.Size > MaxSize {
		return fmt.Errorf("file of %d bytes, from 0 to %d are allowed: %w", f.Size, MaxSize, shoal.Usage)
	}
	if n := f.Chunks(); n > MaxChunks {
		return fmt.Errorf("file of %d bytes cut at %d has %d chunks, at most %d are allowed: %w", f.Size, f.ChunkSize, n, MaxChunks, shoal.Usage)
	}
	return nil
}

// Verify reports whether data is chunk i of the file: an Integrity error if it
// is not, a Usage error if there is no chunk i. The file must have passed
// Check. It works on the caller's core and allocates nothing unless it fails.
// Data is not kept.
func (f File) Verify(i int, data []byte) error {
	if err := f.checkIndex(i); err != nil {
		return err
	}
	if len(data) != f.ChunkLen(i) {
		return fmt.Errorf("chunk %d has %d bytes, not %d: %w", i, f.ChunkLen(i), len(data), shoal.Integrity)
	}
	var t subtree
	f.reset(&t, i)
	t.write(data)
	return f.compare(i, t.cv)
}

// checkIndex is a Usage error unless there is a chunk i and a value for it.
func (f File) checkIndex(i int) error {
	if i < 0 || i >= len(f.List) || i >= f.Chunks() {
		return fmt.Errorf("no chunk %d in a file of %d chunks: %w", i, f.Chunks(), shoal.Usage)
	}
	return nil
}

// top is the flags of the topmost node of a chunk's tree: the only chunk of a
// file is the whole tree.
func (f File) top() uint32 {
	if f.Chunks() == 1 {
		return guts.FlagRoot
	}
	return 0
}

// reset prepares t for the bytes of chunk i.
func (f File) reset(t *subtree, i int) {
	t.reset(f.ChunkOffset(i), f.ChunkLen(i), f.top())
}

// compare is an Integrity error unless chunk i has the value cv.
func (f File) compare(i int, cv words) error {
	if cvOf(cv) != f.List[i] {
		return fmt.Errorf("chunk %d of file %s: %w", i, f.ID.Short(), shoal.Integrity)
	}
	return nil
}
