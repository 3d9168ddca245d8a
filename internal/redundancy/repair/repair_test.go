package repair_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/repair"
)

const minute = time.Minute

func id(n int) shoal.NodeID { return shoal.NodeID(fmt.Sprintf("node-%d", n)) }

// nodes is n storage nodes that are up, but for those that are down since the
// beginning.
func nodes(n int, down ...int) []repair.Node {
	var all []repair.Node
	for i := range n {
		all = append(all, repair.Node{Node: placement.Node{ID: id(i), Weight: 1}, Up: !slices.Contains(down, i)})
	}
	return all
}

func TestDownForLongStopsToCount(t *testing.T) {
	var c repair.Census
	v := c.Step(minute-1, minute, nodes(5, 4))
	if v.In.Len() != 5 || v.Next != minute || !slices.Equal(v.Away, []shoal.NodeID{id(4)}) || v.Up.Len() != 4 {
		t.Fatalf("before the delay: %d count, next %v, away %v", v.In.Len(), v.Next, v.Away)
	}
	began := v.Changed
	v = c.Step(minute, minute, nodes(5, 4))
	if v.In.Len() != 4 || v.In.Has(id(4)) || v.Changed == began || len(v.Away) != 0 {
		t.Fatalf("after it: %d count, changed %v", v.In.Len(), v.Changed)
	}
	v = c.Step(2*minute, minute, nodes(5))
	if v.In.Len() != 5 || v.Changed != 2*minute {
		t.Errorf("when it is back: %d count", v.In.Len())
	}
}

func TestRebootChangesNothing(t *testing.T) {
	var c repair.Census
	first := c.Step(0, minute, nodes(5))
	for now := time.Duration(0); now < minute; now += time.Second {
		if v := c.Step(now, minute, nodes(5, 2)); v.In != first.In || v.Changed != 0 {
			t.Fatalf("after %v who counts has changed", now)
		}
	}
}

func TestBrake(t *testing.T) {
	var c repair.Census
	c.Step(0, minute, nodes(5, 0))
	v := c.Step(2*minute, minute, nodes(5, 0))
	if v.In.Len() != 4 {
		t.Fatal("one of five did not stop to count")
	}
	v = c.Step(3*minute, minute, nodes(5, 0, 1, 2))
	if !v.Braked || v.In.Len() != 4 || v.In.Has(id(0)) {
		t.Errorf("with three of five away: braked %v, %d count; want the one that was out to stay out, and no other", v.Braked, v.In.Len())
	}
	if v = c.Step(4*minute, minute, nodes(2, 1)); v.Braked {
		t.Error("one of two is not fewer than half")
	}
}

func TestMaintenance(t *testing.T) {
	var c repair.Census
	all := nodes(4, 3)
	all[3].Absence = repair.Absence{For: 10 * minute, Word: 7}
	if v := c.Step(2*minute, minute, all); !v.In.Has(id(3)) || v.Next != 12*minute {
		t.Errorf("a node in maintenance stopped to count; next %v", v.Next)
	}
	if v := c.Step(12*minute-1, minute, all); !v.In.Has(id(3)) {
		t.Error("it stopped to count before the maintenance was over")
	}
	if v := c.Step(12*minute, minute, all); v.In.Has(id(3)) || len(v.Excused) > 0 {
		t.Error("it counts for longer than the maintenance")
	}
	all[3].Absence.Word = 8
	c = repair.Census{}
	c.Step(time.Hour, minute, all)
	all[3].Absence = repair.Absence{Word: 9}
	if v := c.Step(time.Hour+1, minute, all); v.In.Has(id(3)) {
		t.Error("it counts although the maintenance was ended")
	}
}

// A census is due when the first of the nodes that are down stops to count. While the
// brake is on none stops, so none is waited for.
func TestNextLook(t *testing.T) {
	all := nodes(5, 2, 3)
	all[2].Since, all[3].Since = 20*time.Second, 10*time.Second
	for now, want := range map[time.Duration]time.Duration{
		30 * time.Second: 70 * time.Second, 70 * time.Second: 80 * time.Second, 80 * time.Second: 0,
	} {
		var c repair.Census
		if v := c.Step(now, minute, all); v.Next != want {
			t.Errorf("at %v: next look at %v, want %v", now, v.Next, want)
		}
	}
	var c repair.Census
	if v := c.Step(minute, minute, nodes(3, 0, 1)); !v.Braked || v.Next != 0 || len(v.Away) != 2 {
		t.Errorf("with the brake on: next look at %v, away %v", v.Next, v.Away)
	}
}

// Maps stay the same while their nodes do: what was worked out of them stays good.
func TestMapsStay(t *testing.T) {
	var c repair.Census
	if v := c.Step(0, minute, nil); v.In.Len() != 0 || v.Up.Len() != 0 || v.Braked {
		t.Errorf("of no nodes %d count and %d answer; braked %v", v.In.Len(), v.Up.Len(), v.Braked)
	}
	first := c.Step(1, minute, nodes(3))
	if again := c.Step(2, minute, nodes(3)); again.In != first.In || again.Up != first.Up {
		t.Error("the maps are others, of the same nodes")
	}
	if down := c.Step(3, minute, nodes(3, 0)); down.In != first.In || down.Up == first.Up || down.Up.Len() != 2 {
		t.Errorf("when one is down %d answer", down.Up.Len())
	}
}

// The rest waits for as long as the first chunks took, and for five seconds at most.
func TestRestAfter(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: 0, time.Second: time.Second, 5 * time.Second: 5 * time.Second, minute: 5 * time.Second} {
		if got := repair.RestAfter(took); got != want {
			t.Errorf("after %v the rest waits for %v, want %v", took, got, want)
		}
	}
}

// view is a view in which all count, and some answer.
func view(n int, down ...int) repair.View {
	var c repair.Census
	return c.Step(0, minute, nodes(n, down...))
}

// need is what each of n nodes should do about a file nobody has.
func needs(v repair.View, n int, f repair.File, lacks repair.Lacks) []repair.Need {
	var all []repair.Need
	for i := range n {
		all = append(all, repair.NeedOf(v, id(i), f, content.NewBitmap(f.Chunks), lacks))
	}
	return all
}

// pulled is how many nodes pull each chunk.
func pulled(all []repair.Need, chunks int) []int {
	counts := make([]int, chunks)
	for _, n := range all {
		for c := range chunks {
			if n.Pull.Has(c) {
				counts[c]++
			}
		}
	}
	return counts
}

func TestEveryChunkIsPulledByItsHolders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, copies := rapid.IntRange(1, 8).Draw(t, "nodes"), rapid.IntRange(1, 4).Draw(t, "copies")
		f := repair.File{ID: shoal.FileID{byte(rapid.IntRange(0, 255).Draw(t, "file"))}, Chunks: rapid.IntRange(1, 30).Draw(t, "chunks"), Copies: copies}
		for c, got := range pulled(needs(view(n), n, f, nil), f.Chunks) {
			if want := min(copies, n); got != want {
				t.Fatalf("chunk %d is pulled by %d nodes, want %d", c, got, want)
			}
		}
	})
}

// A chunk whose holder is full is taken by the next in order, once.
func TestNextTakesWhatAFullNodeRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 8).Draw(t, "nodes")
		full := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n-2, rapid.ID).Draw(t, "full")
		lacks := func(node shoal.NodeID, _ int) bool {
			return slices.ContainsFunc(full, func(i int) bool { return id(i) == node })
		}
		f := repair.File{ID: shoal.FileID{1}, Chunks: 20, Copies: 2}
		var counts [20]int
		for i, need := range needs(view(n), n, f, lacks) {
			for c := range f.Chunks {
				if need.Pull.Has(c) && !slices.Contains(full, i) {
					counts[c]++
				}
			}
		}
		for c, got := range counts {
			if got != 2 {
				t.Fatalf("chunk %d is pulled by %d nodes with room, want 2", c, got)
			}
		}
	})
}

func TestOneOfTwoCopiesWaits(t *testing.T) {
	f := repair.File{ID: shoal.FileID{7}, Chunks: 40, Copies: 2}
	v := view(5, 4)
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	for i := range 4 {
		have := content.NewBitmap(f.Chunks)
		for c := range f.Chunks {
			if layout.Holds(id(i), c) {
				have.Set(c)
			}
		}
		if need := repair.NeedOf(v, id(i), f, have, nil); need.Pull.Count() > 0 || need.Surplus.Count() > 0 {
			t.Errorf("node %d pulls %d chunks and would drop %d while another reboots", i, need.Pull.Count(), need.Surplus.Count())
		}
	}
}

func TestLastOfThreeCopiesDoesNotWait(t *testing.T) {
	f := repair.File{ID: shoal.FileID{7}, Chunks: 40, Copies: 3}
	v := view(6, 4, 5)
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	urgent := 0
	for c := range f.Chunks {
		if layout.Holds(id(4), c) && layout.Holds(id(5), c) {
			urgent++
		}
	}
	extra := 0
	for i := range 4 {
		have := content.NewBitmap(f.Chunks)
		for c := range f.Chunks {
			if layout.Holds(id(i), c) {
				have.Set(c)
			}
		}
		need := repair.NeedOf(v, id(i), f, have, nil)
		extra += need.Pull.Count()
		if need.Pull.Count() > 0 && need.Copies != 1 {
			t.Errorf("node %d thinks that there are %d copies", i, need.Copies)
		}
	}
	if urgent == 0 || extra < 2*urgent || extra > 3*urgent {
		t.Errorf("%d copies are made at once of %d chunks that have one left", extra, urgent)
	}
}

// A chunk that somebody waits for is held by two nodes that answer, wherever its
// holders are; no more take it than that needs.
func TestWhatIsWaitedForIsHeldByThoseWhoAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, copies := rapid.IntRange(2, 8).Draw(t, "nodes"), rapid.IntRange(1, 4).Draw(t, "copies")
		down := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n-1, rapid.ID).Draw(t, "down")
		f := repair.File{ID: shoal.FileID{byte(rapid.IntRange(0, 255).Draw(t, "file"))}, Chunks: rapid.IntRange(1, 30).Draw(t, "chunks"), Copies: copies, Waited: true}
		v := view(n, down...)
		all := needs(v, n, f, nil)
		for _, i := range down {
			all[i] = repair.Need{Pull: content.NewBitmap(f.Chunks)}
		}
		for c, got := range pulled(all, f.Chunks) {
			least, most := min(2, copies, v.Up.Len()), copies
			if copies == 1 { // whoever waits has it: it goes to its holder alone
				least = 0
				if v.Up.Has(v.In.File(f.ID, f.Chunks, copies).Holders(c)[0]) {
					least = 1
				}
				most = least
			}
			if copies > 2 {
				most = copies + 1 // one holder that answers may be none of the first
			}
			if got < least || got > most {
				t.Fatalf("chunk %d is pulled by %d nodes that answer, want %d to %d", c, got, least, most)
			}
		}
	})
}

// Of what somebody has just added each chunk is first copied by one other node that
// answers.
func TestFirstCopies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, copies := rapid.IntRange(2, 8).Draw(t, "nodes"), rapid.IntRange(2, 4).Draw(t, "copies")
		down := rapid.SliceOfNDistinct(rapid.IntRange(1, n-1), 0, n-2, rapid.ID).Draw(t, "down")
		f := repair.File{ID: shoal.FileID{byte(rapid.IntRange(0, 255).Draw(t, "file"))}, Chunks: rapid.IntRange(1, 30).Draw(t, "chunks"), Copies: copies, Waited: true}
		v := view(n, down...)
		counts := make([]int, f.Chunks)
		for i, need := range needs(v, n, f, nil) {
			if i == 0 || slices.Contains(down, i) {
				continue // node 0 has added it
			}
			first := repair.First(v, id(i), id(0), f, need.Pull)
			for c := range first.All {
				if !need.Pull.Has(c) {
					t.Fatalf("node %d is to pull chunk %d first, and not at all", i, c)
				}
				counts[c]++
			}
		}
		for c, got := range counts {
			if got < 1 || len(down) == 0 && got > 1 {
				t.Fatalf("%d nodes pull chunk %d first", got, c)
			}
		}
	})
}
