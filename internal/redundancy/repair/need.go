package repair

import (
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/placement"
)

// File is a file whose chunks are to be kept.
type File struct {
	ID     shoal.FileID
	Chunks int
	Copies int // wanted

	// Waited says that somebody waits until two nodes have the file: those that
	// answer take the place of holders that do not, who will have it later.
	Waited bool
}

// Need is what a node should do about a file.
type Need struct {
	Pull    content.Bitmap // chunks it should hold and lacks
	Surplus content.Bitmap // chunks it has and need not hold

	// Copies is the fewest copies that a chunk of Pull is thought to have on
	// nodes that answer: what there is least of is fetched first.
	Copies int
}

// Lacks reports whether a node is known to lack a chunk that it should hold and
// to have no room for it: it was asked, and it is full. Then the next in order
// takes it.
type Lacks func(node shoal.NodeID, chunk int) bool

// NeedOf is what self should do about a file of which it has some chunks durably
// in its own store. lacks may be nil.
func NeedOf(v View, self shoal.NodeID, f File, have content.Bitmap, lacks Lacks) Need {
	need := Need{Pull: content.NewBitmap(f.Chunks), Surplus: content.NewBitmap(f.Chunks), Copies: f.Copies}
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	var urgent *placement.Layout // by the nodes that answer; worked out if needed
	for chunk := range f.Chunks {
		holders := layout.Holders(chunk)
		up := answering(v, holders)
		should := holds(v, layout, self, chunk, lacks)
		if !should && pressing(f, holders, up) {
			if urgent == nil {
				urgent = v.Up.File(f.ID, f.Chunks, f.Copies)
			}
			should = holds(v, urgent, self, chunk, lacks)
		}
		switch has := have.Has(chunk); {
		case should && !has:
			need.Pull.Set(chunk)
			need.Copies = min(need.Copies, up)
		case has && !should:
			need.Surplus.Set(chunk)
		}
	}
	return need
}

// answering is how many of the holders answer.
func answering(v View, holders []shoal.NodeID) (up int) {
	for _, node := range holders {
		if v.Up.Has(node) {
			up++
		}
	}
	return up
}

// pressing reports whether a chunk may be down to one copy, and does not wait until
// the nodes that are away have stopped to count. It is if three or more copies are
// wanted; one of two wanted copies waits, or every reboot would copy all that a
// node holds, unless somebody waits for it.
func pressing(f File, holders []shoal.NodeID, up int) bool {
	return up <= 1 && (len(holders) > 2 || f.Waited && f.Copies > 1)
}

// holds reports whether self should hold a chunk: as one of its holders, or in
// place of one that has no room for it.
func holds(v View, layout *placement.Layout, self shoal.NodeID, chunk int, lacks Lacks) bool {
	if layout.Holds(self, chunk) {
		return true
	}
	if lacks == nil {
		return false
	}
	missing := 0
	for _, node := range layout.Holders(chunk) {
		if lacks(node, chunk) {
			missing++
		}
	}
	for _, node := range layout.Order(chunk)[layout.Copies():] {
		switch {
		case missing == 0:
			return false
		case node == self:
			return true
		case v.Up.Has(node) && !lacks(node, chunk):
			missing--
		}
	}
	return false
}

// First is those of the chunks which self pulls that it should pull first, of a file
// that author has just added: those of which it makes the first copy elsewhere. When
// all nodes have theirs each chunk lies on two, though not half of what is to be
// copied may have been.
func First(v View, self, author shoal.NodeID, f File, pull content.Bitmap) content.Bitmap {
	first := content.NewBitmap(f.Chunks)
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	for chunk := range pull.All {
		if !layout.Holds(self, chunk) {
			first.Set(chunk) // it takes another's place
			continue
		}
		for _, node := range layout.Holders(chunk) {
			if node != author && v.Up.Has(node) {
				if node == self {
					first.Set(chunk)
				}
				break
			}
		}
	}
	return first
}

// restWithin is the longest that a node which has its first chunks waits before it
// pulls the rest.
const restWithin = 5 * time.Second

// RestAfter is how long a node that took so long to pull what it should pull first
// waits before it pulls the rest: so that others, which began when it did, have the
// sources for themselves until they have their first chunks, too, and each chunk
// lies on two nodes.
func RestAfter(took time.Duration) time.Duration { return min(took, restWithin) }
