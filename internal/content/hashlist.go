package content

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"

	"shoal"
)

const cvSize = len(CV{})

// Root merges the list of a file of size bytes to the file's id, as the BLAKE3
// tree does (BLAKE3 paper, section 2.1): left subtrees are as large a power of
// two as leaves something for the right.
func (l HashList) Root(size int64, cs ChunkSize) shoal.FileID {
	switch {
	case size == 0 || len(l) == 0:
		return blake3.Sum256(nil)
	case len(l) == 1:
		return shoal.FileID(l[0])
	}
	return shoal.FileID(output(merge(l), guts.FlagRoot))
}

// Bytes writes the values one after another.
func (l HashList) Bytes() []byte {
	data := make([]byte, 0, len(l)*cvSize)
	for i := range l {
		data = append(data, l[i][:]...)
	}
	return data
}

// ParseHashList reads what Bytes wrote for a file of that many chunks. Another
// length is an error.
func ParseHashList(data []byte, chunks int) (HashList, error) {
	if chunks < 0 || chunks > MaxChunks || len(data) != chunks*cvSize {
		return nil, fmt.Errorf("a hash list of %d chunks has not %d bytes", chunks, len(data))
	}
	list := make(HashList, chunks)
	for i := range list {
		copy(list[i][:], data[i*cvSize:])
	}
	return list, nil
}

// merge gives the node over two or more values.
func merge(l HashList) guts.Node {
	half := 1 << (bits.Len(uint(len(l)-1)) - 1)
	return guts.ParentNode(l.value(0, half), l.value(half, len(l)), &guts.IV, 0)
}

// value is the chaining value over l[from:to], in words.
func (l HashList) value(from, to int) [8]uint32 {
	if to-from == 1 {
		return words(l[from])
	}
	return guts.ChainingValue(merge(l[from:to]))
}

// fold merges each k values into one; k is a power of two. If only one is left
// it is the root.
func (l HashList) fold(k int) HashList {
	if k == 1 {
		return l
	}
	folded := make(HashList, 0, (len(l)+k-1)/k)
	for from := 0; from < len(l); from += k {
		part := l[from:min(from+k, len(l))]
		switch {
		case len(part) == 1:
			folded = append(folded, part[0])
		case len(part) == len(l):
			folded = append(folded, output(merge(part), guts.FlagRoot))
		default:
			folded = append(folded, output(merge(part), 0))
		}
	}
	return folded
}

// output is the chaining value of a node, or with guts.FlagRoot the root hash.
func output(n guts.Node, flags uint32) CV {
	n.Flags |= flags
	var cv CV
	for i, word := range guts.ChainingValue(n) {
		binary.LittleEndian.PutUint32(cv[4*i:], word)
	}
	return cv
}

func words(cv CV) [8]uint32 {
	var w [8]uint32
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(cv[4*i:])
	}
	return w
}
