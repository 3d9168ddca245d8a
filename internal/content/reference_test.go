package content_test

import (
	"encoding/binary"
	"math/bits"

	"shoal/internal/content"
)

// This is BLAKE3 written out from its specification (sections 2.1 to 2.6) with
// no thought of speed, and without the library that the package is built on:
// what the package is held against, and the vectors are made with.

const (
	chunkStart = 1 << 0
	chunkEnd   = 1 << 1
	parent     = 1 << 2
	root       = 1 << 3

	leafSize  = 1024
	blockSize = 64
)

// initial is table 1.
func initial() [8]uint32 {
	return [8]uint32{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19}
}

// referenceList is the hash list of data cut at cs.
func referenceList(data []byte, cs content.ChunkSize) content.HashList {
	list := make(content.HashList, cs.Chunks(int64(len(data))))
	flags := uint32(0)
	if len(list) == 1 {
		flags = root
	}
	for i := range list {
		start := i * int(cs)
		list[i] = referenceTree(data[start:min(start+int(cs), len(data))], uint64(start/leafSize), flags)
	}
	return list
}

// referenceTree is section 2.1: the left half is the largest power of two of
// leaves that leaves something for the right half.
func referenceTree(data []byte, counter uint64, flags uint32) content.CV {
	if len(data) <= leafSize {
		return referenceLeaf(data, counter, flags)
	}
	half := leafSize << (bits.Len(uint((len(data)-1)/leafSize)) - 1)
	left := referenceTree(data[:half], counter, 0)
	right := referenceTree(data[half:], counter+uint64(half/leafSize), 0)
	return referenceCompress(initial(), append(left[:], right[:]...), 0, flags|parent)
}

// referenceLeaf is section 2.4.
func referenceLeaf(data []byte, counter uint64, flags uint32) content.CV {
	cv, start := initial(), uint32(chunkStart)
	for len(data) > blockSize {
		out := referenceCompress(cv, data[:blockSize], counter, start)
		for i := range cv {
			cv[i] = binary.LittleEndian.Uint32(out[4*i:])
		}
		data, start = data[blockSize:], 0
	}
	return referenceCompress(cv, data, counter, flags|start|chunkEnd)
}

// referenceCompress is section 2.2, with the output cut to a chaining value.
func referenceCompress(cv [8]uint32, block []byte, counter uint64, flags uint32) content.CV {
	var padded [blockSize]byte
	copy(padded[:], block)
	var m [16]uint32
	for i := range m {
		m[i] = binary.LittleEndian.Uint32(padded[4*i:])
	}
	var v [16]uint32
	iv := initial()
	copy(v[:8], cv[:])
	copy(v[8:12], iv[:4])
	v[12], v[13], v[14], v[15] = uint32(counter), uint32(counter>>32), uint32(len(block)), flags
	for range 7 {
		referenceRound(&v, m)
		m = permute(m)
	}
	var out content.CV
	for i := range 8 {
		binary.LittleEndian.PutUint32(out[4*i:], v[i]^v[i+8])
	}
	return out
}

// referenceRound mixes the columns, then the diagonals.
func referenceRound(v *[16]uint32, m [16]uint32) {
	for i := range 4 {
		mix(v, i, 4+i, 8+i, 12+i, m[2*i], m[2*i+1])
	}
	for i := range 4 {
		mix(v, i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4, m[8+2*i], m[9+2*i])
	}
}

// mix is the function G.
func mix(v *[16]uint32, a, b, c, d int, x, y uint32) {
	for _, step := range []struct {
		m         uint32
		far, near int
	}{{x, 16, 12}, {y, 8, 7}} {
		v[a] += v[b] + step.m
		v[d] = bits.RotateLeft32(v[d]^v[a], -step.far)
		v[c] += v[d]
		v[b] = bits.RotateLeft32(v[b]^v[c], -step.near)
	}
}

// permute is table 2.
func permute(m [16]uint32) [16]uint32 {
	var out [16]uint32
	for i, from := range []int{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8} {
		out[i] = m[from]
	}
	return out
}
