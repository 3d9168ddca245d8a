package content

import (
	"fmt"

	"lukechampine.com/blake3/guts"

	"shoal"
)

// cvSize is the length of a CV in bytes.
const cvSize = len(CV{})

// Root is the id of a file of size bytes, cut at cs, whose chunks have the
// values in l. It says nothing unless l has cs.Chunks(size) of them.
func (l HashList) Root(size int64, cs ChunkSize) shoal.FileID {
	if len(l) == 0 {
		return emptyID()
	}
	return shoal.FileID(l.join(guts.FlagRoot))
}

// join is the value of the tree over l, which is not empty. Its topmost node
// gets the flags top, unless l has one value, which then is the tree's.
func (l HashList) join(top uint32) CV {
	last := len(l) - 1
	if last == 0 {
		return l[0]
	}
	var s spine
	for i := range last {
		s.push(l[i].words())
	}
	return cvOf(s.fold(l[last].words(), top))
}

// emptyID is the BLAKE3 hash of nothing.
func emptyID() shoal.FileID {
	node := guts.CompressChunk(nil, &guts.IV, 0, 0)
	node.Flags |= guts.FlagRoot
	return shoal.FileID(cvOf(guts.ChainingValue(node)))
}

// Bytes writes the values one after the other, 32 bytes each
// (docs/spec/hashlist.md).
func (l HashList) Bytes() []byte {
	data := make([]byte, 0, len(l)*cvSize)
	for _, cv := range l {
		data = append(data, cv[:]...)
	}
	return data
}

// ParseHashList reads what Bytes wrote for a file of so many chunks. It is a
// Usage error if no file can have that many, and an Integrity error if data is
// not as long as they need. That the values are right is for File.Check.
func ParseHashList(data []byte, chunks int) (HashList, error) {
	if chunks < 0 || chunks > MaxChunks {
		return nil, fmt.Errorf("hash list of %d chunks, at most %d are allowed: %w", chunks, MaxChunks, shoal.Usage)
	}
	if len(data) != chunks*cvSize {
		return nil, fmt.Errorf("hash list of %d chunks has %d bytes, not %d: %w", chunks, chunks*cvSize, len(data), shoal.Integrity)
	}
	l := make(HashList, chunks)
	for i := range l {
		l[i] = CV(data[i*cvSize:])
	}
	return l, nil
}
