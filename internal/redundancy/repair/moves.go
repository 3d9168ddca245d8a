package repair

import (
	"shoal"
	"shoal/internal/content"
)

// Held is the chunks of a file that a node has durably in its own store.
type Held struct {
	Node shoal.NodeID
	Has  content.Bitmap
}

// Move is the copying or the deletion of chunks of a file that a node is about to do.
type Move struct {
	Node   shoal.NodeID
	Kind   shoal.MoveKind
	Chunks int
}

// Moves returns the moves by which nodes that have told their chunks get to hold the
// chunks that they should, in the order of there: of each node the copying first.
func Moves(v View, f File, there []Held) (moves []Move) {
	for _, h := range there {
		need := NeedOf(v, h.Node, f, h.Has, nil)
		if count := need.Pull.Count(); count > 0 {
			moves = append(moves, Move{h.Node, shoal.MoveCopy, count})
		}
		if count := need.Surplus.Count(); count > 0 {
			moves = append(moves, Move{h.Node, shoal.MoveDelete, count})
		}
	}
	return moves
}

// Fewest returns how many copies the chunk with the fewest has; 0 for a file of no chunks.
func Fewest(chunks int, there []Held) int {
	fewest := min(chunks, 1) * len(there)
	for chunk := range chunks {
		copies := 0
		for _, h := range there {
			if h.Has.Has(chunk) {
				copies++
			}
		}
		fewest = min(fewest, copies)
	}
	return fewest
}

// Share is the part of a file that a node keeps, and the part that it should keep.
type Share struct {
	Node   shoal.NodeID
	Has    int // chunks
	Should int // chunks, by the nodes that count
}

// Shares returns the share of each node that has or should have chunks of a file, in
// the order of there.
func Shares(v View, f File, there []Held) (shares []Share) {
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	for _, h := range there {
		s := Share{Node: h.Node, Has: h.Has.Count()}
		for chunk := range f.Chunks {
			if layout.Holds(h.Node, chunk) {
				s.Should++
			}
		}
		if s.Has > 0 || s.Should > 0 {
			shares = append(shares, s)
		}
	}
	return shares
}
