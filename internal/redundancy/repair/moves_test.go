package repair_test

import (
	"slices"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// held is the chunks of a file that should be on each of n nodes, as they are in a view.
func held(v repair.View, n int, f repair.File) (there []repair.Held) {
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	for i := range n {
		has := content.NewBitmap(f.Chunks)
		for chunk := range f.Chunks {
			if layout.Holds(id(i), chunk) {
				has.Set(chunk)
			}
		}
		there = append(there, repair.Held{Node: id(i), Has: has})
	}
	return there
}

// Where every node has its chunks and no others, nothing moves. A node that lacks
// some copies them, and a node with others deletes those.
func TestMovesMakeUpTheDifference(t *testing.T) {
	v, f := view(4), repair.File{ID: shoal.FileID{7}, Chunks: 40, Copies: 2}
	there := held(v, 4, f)
	if moves := repair.Moves(v, f, there); len(moves) != 0 {
		t.Fatalf("all is where it should be, and %v move", moves)
	}
	if fewest := repair.Fewest(f.Chunks, there); fewest != 2 {
		t.Errorf("a chunk has %d copies, want 2", fewest)
	}
	var lost, extra int
	for chunk := range f.Chunks {
		switch has := there[1].Has.Has(chunk); {
		case has && lost < 3:
			there[1].Has.Clear(chunk)
			lost++
		case !has && extra < 2:
			there[1].Has.Set(chunk)
			extra++
		}
	}
	want := []repair.Move{{Node: id(1), Kind: shoal.MoveCopy, Chunks: 3}, {Node: id(1), Kind: shoal.MoveDelete, Chunks: 2}}
	if moves := repair.Moves(v, f, there); !slices.Equal(moves, want) {
		t.Errorf("the moves are %v, want %v", moves, want)
	}
	if fewest := repair.Fewest(f.Chunks, there); fewest != 1 {
		t.Errorf("a chunk has %d copies, want 1", fewest)
	}
}

func TestFewest(t *testing.T) {
	full := repair.Held{Node: id(0), Has: content.FullBitmap(3)}
	none := repair.Held{Node: id(1), Has: content.NewBitmap(3)}
	for _, c := range []struct {
		chunks, want int
		there        []repair.Held
	}{
		{3, 0, nil},
		{3, 1, []repair.Held{full, none}},
		{3, 2, []repair.Held{full, none, full}},
		{0, 0, []repair.Held{{Node: id(0)}}},
	} {
		if got := repair.Fewest(c.chunks, c.there); got != c.want {
			t.Errorf("%d chunks at %d nodes have %d copies, want %d", c.chunks, len(c.there), got, c.want)
		}
	}
}

// A node that neither has chunks of a file nor should have any has no share.
func TestShares(t *testing.T) {
	v, f := view(5), repair.File{ID: shoal.FileID{7}, Chunks: 1, Copies: 2}
	there := held(v, 5, f)
	shares := repair.Shares(v, f, there)
	if len(shares) != 2 || shares[0].Has != 1 || shares[0].Should != 1 {
		t.Fatalf("the shares are %v, want two of one chunk", shares)
	}
	holder := slices.IndexFunc(there, func(h repair.Held) bool { return h.Node == shares[0].Node })
	other := slices.IndexFunc(there, func(h repair.Held) bool { return h.Has.Count() == 0 })
	there[holder].Has.Clear(0)
	there[other].Has.Set(0)
	shares = repair.Shares(v, f, there)
	want := repair.Share{Node: id(other), Has: 1}
	if len(shares) != 3 || !slices.Contains(shares, want) || !slices.Contains(shares, repair.Share{Node: id(holder), Should: 1}) {
		t.Errorf("the shares are %v, want %v among three", shares, want)
	}
}
