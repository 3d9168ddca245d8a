// Package sums computes and packs the CRC-32C of verified chunks. A sum finds rotten
// bytes at a fifth of the hash's cost (docs/adr/0016). Only the hash proves that bytes
// are the right ones.
//
// It does not know places or rows.
package sums

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"

	"shoal/internal/content"
)

// List has the sum of each chunk of a file at a place: 0 if unknown. It is nil if all
// are unknown.
type List []uint32

// Size is the length of a packed sum in bytes.
const Size = crc32.Size

// Of returns the sum of a chunk.
func Of(chunk []byte) uint32 {
	return crc32.Checksum(chunk, crc32.MakeTable(crc32.Castagnoli))
}

// At is the sum of chunk i, or 0.
func (s List) At(i int) uint32 {
	if s == nil {
		return 0
	}
	return s[i]
}

// Set remembers the sum of one of so many chunks.
func (s *List) Set(i, chunks int, sum uint32) {
	if *s == nil && sum != 0 {
		*s = make(List, chunks)
	}
	if *s != nil {
		(*s)[i] = sum
	}
}

// Pack writes the sums of the chunks in bits, in as little as they need.
func Pack(s List, bits content.Bitmap) []byte {
	if s == nil || bits.Count() == 0 {
		return []byte{}
	}
	data := make([]byte, len(s)*Size)
	for i := range bits.All {
		binary.BigEndian.PutUint32(data[i*Size:], s[i])
	}
	return data
}

// Unpack reads what Pack wrote. What makes no sense is no sums: then
// the hashes decide, as they do where a sum is wrong.
func Unpack(data []byte, bits content.Bitmap) List {
	if len(data) == 0 || len(data) != bits.Len()*Size {
		return nil
	}
	s := make(List, bits.Len())
	for i := range bits.All {
		s[i] = binary.BigEndian.Uint32(data[i*Size:])
	}
	return s
}

// HashReaderAt is content.HashReaderAt that takes the sums of the chunks too,
// while their bytes are in the processor's cache.
func HashReaderAt(ctx context.Context, from io.ReaderAt, size int64, cs content.ChunkSize, progress func(n int64)) (content.File, List, error) {
	s := &summer{from: from, file: content.File{Size: size, ChunkSize: cs}, sums: make(List, cs.Chunks(size))}
	c, err := content.HashReaderAt(ctx, s, size, cs, progress)
	return c, s.sums, err
}

// summer takes the sums of what is read from it, in pieces of whatever length
// and order. It relies on content.HashReaderAt reading every byte once.
type summer struct {
	from io.ReaderAt
	file content.File // its size and chunk size

	// mu guards the sums, which are of the pieces so far.
	mu   sync.Mutex
	sums List
}

func (s *summer) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.from.ReadAt(p, off)
	for done := int64(0); done < int64(n) && off+done < s.file.Size; {
		i := int((off + done) / int64(s.file.ChunkSize))
		end := s.file.ChunkOffset(i) + int64(s.file.ChunkLen(i))
		piece := p[done:min(int64(n), end-off)]
		done += int64(len(piece))
		s.add(i, sumBefore(Of(piece), end-off-done))
	}
	return n, err
}

// add takes in a piece of chunk i. The sum of a whole is the sums of its pieces,
// each as if zeros came after it to the end, added without carry.
func (s *summer) add(i int, sum uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums[i] ^= sum
}

// sumBefore is what bytes with that sum add to the sum of something that goes
// on for so many bytes after them: the sum times x to the power of their bits,
// modulo the polynomial of the CRC (Williams, "A painless guide to CRC error
// detection algorithms", 1993, for the arithmetic).
func sumBefore(sum uint32, after int64) uint32 {
	const one, eighth = 1 << 31, 1 << 23 // x to the powers of 0 and 8: the highest bit is the lowest power
	factor := uint32(one)
	for power := uint32(eighth); after > 0; after >>= 1 {
		if after&1 != 0 {
			factor = times(factor, power)
		}
		power = times(power, power)
	}
	return times(sum, factor)
}

// times multiplies two polynomials modulo that of CRC-32C.
func times(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ carry*crc32.Castagnoli
	}
	return product
}
