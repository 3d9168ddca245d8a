package content

import (
	"fmt"
	"math/bits"
	"slices"

	"shoal"
)

// Bitmap has one bit for each chunk of a file. The zero value is of a file
// without chunks. An assignment does not copy the bits: use Clone to have two
// bitmaps that change. It is not safe for use by many goroutines at once.
type Bitmap struct {
	words []uint64 // bits past size are never set
	size  int
	count int
}

// NewBitmap returns a bitmap of size bits, none of them set. Size is from 0 to
// MaxChunks.
func NewBitmap(size int) Bitmap {
	return Bitmap{words: make([]uint64, (size+63)/64), size: size}
}

// FullBitmap returns a bitmap of size bits, all set. Size is from 0 to
// MaxChunks.
func FullBitmap(size int) Bitmap {
	b := NewBitmap(size)
	for i := range b.words {
		b.words[i] = ^uint64(0)
	}
	if tail := size % 64; tail != 0 {
		b.words[len(b.words)-1] = 1<<tail - 1
	}
	b.count = size
	return b
}

// ParseBitmap reads what Bytes wrote for a bitmap of size bits. It is a Usage
// error if no file has so many chunks. Another length, or a bit set past the
// end, is an error without a code.
func ParseBitmap(data []byte, size int) (Bitmap, error) {
	if size < 0 || size > MaxChunks {
		return Bitmap{}, fmt.Errorf("bitmap of %d bits, from 0 to %d are allowed: %w", size, MaxChunks, shoal.Usage)
	}
	if len(data) != BitmapBytes(size) {
		return Bitmap{}, fmt.Errorf("a bitmap of %d bits has %d bytes, this has %d", size, BitmapBytes(size), len(data))
	}
	b := NewBitmap(size)
	for i, octet := range data {
		b.words[i/8] |= uint64(octet) << (i % 8 * 8)
		b.count += bits.OnesCount8(octet)
	}
	if tail := size % 64; tail != 0 && b.words[len(b.words)-1]>>tail != 0 {
		return Bitmap{}, fmt.Errorf("a bitmap of %d bits has a bit set past its end", size)
	}
	return b, nil
}

// BitmapBytes is how many bytes a bitmap of size bits is written in.
func BitmapBytes(size int) int { return (size + 7) / 8 }

// Bytes writes the bits, eight to a byte, the first in the lowest place.
func (b Bitmap) Bytes() []byte {
	data := make([]byte, BitmapBytes(b.size))
	for i := range data {
		data[i] = byte(b.words[i/8] >> (i % 8 * 8))
	}
	return data
}

// Len is the number of bits, set or not.
func (b Bitmap) Len() int { return b.size }

// Count is the number of bits that are set.
func (b Bitmap) Count() int { return b.count }

// Full reports whether every bit is set.
func (b Bitmap) Full() bool { return b.count == b.size }

// Has reports whether bit i is set. A bit outside the bitmap is not.
func (b Bitmap) Has(i int) bool {
	return i >= 0 && i < b.size && b.words[i/64]>>(i%64)&1 == 1
}

// Set sets bit i and reports whether it was not set before. It panics if i is
// outside the bitmap: Count and Full would lie from then on.
func (b *Bitmap) Set(i int) bool {
	if i < 0 || i >= b.size {
		panic(fmt.Sprintf("content: bit %d set in a bitmap of %d", i, b.size))
	}
	if b.Has(i) {
		return false
	}
	b.words[i/64] |= 1 << (i % 64)
	b.count++
	return true
}

// Clear clears bit i and reports whether it was set before. A bit outside the
// bitmap was not.
func (b *Bitmap) Clear(i int) bool {
	if !b.Has(i) {
		return false
	}
	b.words[i/64] &^= 1 << (i % 64)
	b.count--
	return true
}

// Clone returns a copy that shares nothing with b.
func (b Bitmap) Clone() Bitmap {
	b.words = slices.Clone(b.words)
	return b
}

// Union sets in b every bit that is set in other. It panics unless both have
// the same length.
func (b *Bitmap) Union(other Bitmap) {
	if b.size != other.size {
		panic(fmt.Sprintf("content: union of bitmaps of %d and %d bits", b.size, other.size))
	}
	b.count = 0
	for i := range b.words {
		b.words[i] |= other.words[i]
		b.count += bits.OnesCount64(b.words[i])
	}
}

// All yields each set bit in ascending order: range over b.All. Bits may be
// cleared meanwhile; whether a bit set or cleared ahead is seen is not said.
func (b Bitmap) All(yield func(int) bool) {
	for w, word := range b.words {
		for ; word != 0; word &= word - 1 {
			if !yield(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
