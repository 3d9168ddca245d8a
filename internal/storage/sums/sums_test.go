package sums

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shoal/internal/content"
)

// TestSummerTakesPieces reads a file in pieces of any length and order, and
// wants the sum of each chunk.
func TestSummerTakesPieces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 1<<18).Draw(rt, "size")
		log2 := rapid.IntRange(10, 20).Draw(rt, "log2")
		data := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{rapid.Uint8().Draw(rt, "seed")}).Read(data) // it never fails
		f := content.File{Size: int64(size), ChunkSize: 1 << log2}
		s := &summer{from: bytes.NewReader(data), file: f, sums: make(List, f.Chunks())}
		for _, at := range rapid.Permutation(pieces(rt, size)).Draw(rt, "order") {
			_, err := s.ReadAt(make([]byte, at[1]-at[0]), int64(at[0]))
			if err != nil {
				rt.Fatal(err)
			}
		}
		_, err := s.ReadAt(make([]byte, 1), f.Size) // a look past the end
		if !errors.Is(err, io.EOF) {
			rt.Errorf("got %v, want an end of file", err)
		}
		for i := range f.Chunks() {
			if want := Of(data[f.ChunkOffset(i):][:f.ChunkLen(i)]); s.sums.At(i) != want {
				rt.Fatalf("chunk %d: got %08x, want %08x", i, s.sums.At(i), want)
			}
		}
	})
}

// pieces cuts size bytes anywhere.
func pieces(rt *rapid.T, size int) [][2]int {
	cuts := rapid.SliceOfN(rapid.IntRange(0, size), 0, 20).Draw(rt, "cuts")
	slices.Sort(cuts)
	var all [][2]int
	from := 0
	for _, to := range append(cuts, size) {
		if to == from {
			continue
		}
		all = append(all, [2]int{from, to})
		from = to
	}
	return all
}

// TestSumsVector guards the vector of docs/spec/disk.md: 32,769 bytes of zeros
// in chunks of 16,384, of which the second is not here.
func TestSumsVector(t *testing.T) {
	const want = "94640b8500000000527d5351"
	f := content.File{Size: 32769, ChunkSize: 16 << 10}
	bits, s := content.NewBitmap(f.Chunks()), List(nil)
	for _, i := range []int{0, 2} {
		bits.Set(i)
		s.Set(i, f.Chunks(), Of(make([]byte, f.ChunkLen(i))))
	}
	if got := hex.EncodeToString(Pack(s, bits)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzSums reads the sums of the databases.
func FuzzSums(f *testing.F) {
	f.Add([]byte{}, []byte{0x05}, 3)
	f.Add([]byte{1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8}, []byte{0x05}, 3)
	f.Fuzz(func(t *testing.T, data, set []byte, chunks int) {
		if chunks < 0 || chunks > 1<<16 {
			return // bounded by tables.Row.Check
		}
		bits, err := content.ParseBitmap(set, chunks)
		if err != nil {
			return
		}
		s := Unpack(data, bits)
		for i := range chunks {
			if s.At(i) != 0 && !bits.Has(i) {
				t.Errorf("chunk %d is not here, and has a sum", i)
			}
		}
		if again := Unpack(Pack(s, bits), bits); bits.Count() > 0 && !slices.Equal(again, s) {
			t.Errorf("it is not read as it was written: %08x", again)
		}
	})
}
