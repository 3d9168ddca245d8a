package picker

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever is counted, taken and freed in whatever order, the array stays
// sorted, and each chunk on its side of its level.
func TestRarityStaysSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(t, "size")
		r, count, free := newRarity(size), make([]int, size), make([]bool, size)
		t.Repeat(map[string]func(*rapid.T){
			"raise": func(t *rapid.T) {
				c := rapid.IntRange(0, size-1).Draw(t, "chunk")
				r.raise(int32(c))
				count[c]++
			},
			"lower": func(t *rapid.T) {
				c := rapid.IntRange(0, size-1).Draw(t, "chunk")
				r.lower(int32(c))
				count[c]--
			},
			"turn": func(t *rapid.T) {
				c := rapid.IntRange(0, size-1).Draw(t, "chunk")
				if free[c] {
					r.take(int32(c))
				} else {
					r.free(int32(c))
				}
				free[c] = !free[c]
			},
			"all": func(t *rapid.T) {
				by := rapid.SampledFrom([]int{-1, 1}).Draw(t, "by")
				r.base += int32(by)
				for c := range count {
					count[c] += by
				}
			},
			"": func(t *rapid.T) { checkRarity(t, &r, count, free) },
		})
	})
}

func checkRarity(t *rapid.T, r *rarity, count []int, free []bool) {
	for at, c := range r.order {
		if int(r.place[c]) != at {
			t.Fatalf("chunk %d is at %d, not at %d", c, at, r.place[c])
		}
		if at > 0 && count[r.order[at-1]] > count[c] {
			t.Fatalf("%d before %d, which is rarer", r.order[at-1], c)
		}
		if got := int(r.base + r.count[c]); got != count[c] {
			t.Fatalf("%d peers have chunk %d, want %d", got, c, count[c])
		}
	}
	if first := r.first(); first > 0 && int(r.base+r.lowest)+first != 1 || int(r.base+r.lowest)+first < 1 {
		t.Fatalf("the first level is %d, of chunks that %d peers have", first, int(r.base+r.lowest)+first)
	}
	seen := 0
	for i := range r.levels {
		for _, c := range r.freeAt(i) {
			seen++
			if !free[c] || r.level(c) != i {
				t.Fatalf("chunk %d of level %d, free %t, is among the free of level %d", c, r.level(c), free[c], i)
			}
		}
	}
	for _, is := range free {
		if is {
			seen--
		}
	}
	if seen != 0 {
		t.Fatalf("%d chunks too many among the free", seen)
	}
}

// Levels that emptied do not stay: peers that come with little and leave with
// everything would else make a level each.
func TestLevelsDoNotPileUp(t *testing.T) {
	const size = 10
	r := newRarity(size)
	for range 1000 {
		for c := range int32(size) {
			r.raise(c)
		}
	}
	if got := len(r.levels); got > 3 {
		t.Errorf("%d levels for chunks that are all as common", got)
	}
	for range 2000 {
		for c := range int32(size) {
			r.lower(c)
		}
	}
	if got := len(r.levels); got > 3 {
		t.Errorf("%d levels for chunks that are all as rare", got)
	}
}
