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
