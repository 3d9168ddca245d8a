package picker

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBitsetNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 1000).Draw(t, "size")
		chunks := rapid.SliceOfDistinct(rapid.Int32Range(0, int32(size-1)), rapid.ID)
		b, mask := newBitset(size), newBitset(size)
		for _, c := range chunks.Draw(t, "b") {
			b.set(c)
			mask.set(c)
		}
		for _, c := range chunks.Draw(t, "mask") {
			mask[c>>6] ^= 1 << (c & 63)
		}
		if rapid.Bool().Draw(t, "no mask") {
			mask = nil
		}
		from, to := rapid.Int32Range(0, int32(size)).Draw(t, "from"), rapid.Int32Range(0, int32(size)).Draw(t, "to")
		want := int32(none)
		for c := from; c < to && want == none; c++ {
			if b.has(c) && (mask == nil || mask.has(c)) {
				want = c
			}
		}
		if got := b.next(mask, from, to); got != want {
			t.Fatalf("next(%d, %d) = %d, want %d", from, to, got, want)
		}
	})
}

// A bitset with one or two chunks has a next one exactly from where they are on,
// in whatever words they lie and wherever the search ends.
func TestBitsetNextAtEveryEdge(t *testing.T) {
	edges := []int32{0, 1, 63, 64, 65, 127, 128, 191, 192, 255, 256, 319, 320, 383}
	const size = 384
	for _, c := range edges {
		b, mask := newBitset(size), newBitset(size)
		b.set(c)
		b.set(size - 1)
		mask.set(c)
		for _, from := range edges {
			for _, to := range append(edges, size) {
				want := int32(none)
				if from <= c && c < to {
					want = c
				}
				if got := b.next(mask, from, to); got != want {
					t.Fatalf("chunk %d: next(%d, %d) = %d, want %d", c, from, to, got, want)
				}
			}
		}
	}
}

// Whoever has seen enough of the chunks stops.
func TestBitsetAllStops(t *testing.T) {
	b := fullBitset(100)
	for enough := range 100 {
		var seen []int32
		for c := range b.all {
			if seen = append(seen, c); len(seen) > enough {
				break
			}
		}
		if len(seen) != enough+1 || seen[enough] != int32(enough) {
			t.Fatalf("after %d chunks: %v", enough, seen)
		}
	}
}

func TestBitsetComplement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 200).Draw(t, "size")
		b := newBitset(size)
		var want []int32
		for c := range int32(size) {
			if rapid.Bool().Draw(t, "in") {
				b.set(c)
			} else {
				want = append(want, c)
			}
		}
		if got := slices.Collect(b.complement(size).all); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
