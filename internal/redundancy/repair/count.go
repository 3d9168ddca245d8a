// Package repair decides what a node has to fetch so that every file has its
// copies: which nodes count, and which chunks this node should hold and lacks.
// Each node decides for itself alone; nobody orders anybody.
//
// It is pure: it fetches nothing, and knows no clock but the one it is given.
package repair

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
)

// DefaultDelay is how long a node must have been down before it stops to
// count, so that a reboot copies nothing. Ceph waits ten minutes for machines
// with terabytes each; a shoal's nodes come back sooner or not at all.
const DefaultDelay = time.Minute

// Node is a storage node of the roster, as this node sees it now.
type Node struct {
	placement.Node
	Up      bool          // it answers; a node that is only suspected does
	Since   time.Duration // of the clock that Step is given: since when it does, or does not
	Absence Absence
}

// Absence is the word that a node will be away for a while: maintenance. The while
// begins when this process hears of it, for no two clocks are alike.
type Absence struct {
	For  time.Duration
	Word record.Stamp // tells one word from another
}

// View is which nodes count, as one node sees it.
type View struct {
	In      *placement.Map // the nodes that count, up or not
	Up      *placement.Map // those of them that answer
	Braked  bool           // fewer than half of all storage nodes answer: the network is broken, not the nodes
	Changed time.Duration  // when In was last another
	Away    []shoal.NodeID // nodes that count and do not answer

	Excused map[shoal.NodeID]time.Duration // nodes in maintenance, and until when
	Next    time.Duration                  // when to look again at the latest, if nothing happens; 0 is never
}

// Census keeps who counts. The zero Census has seen nobody.
type Census struct {
	out    map[shoal.NodeID]bool // nodes that have stopped to count, and did not answer since
	digest [placement.DigestSize]byte
	view   View
	words  map[shoal.NodeID]absent
	in, up []placement.Node // of which the view's maps are
}

// absent is a word that was heard.
type absent struct {
	word  record.Stamp
	until time.Duration
}

// Step looks at the storage nodes of the roster, those that drain left out, at a
// moment of a monotonic clock. A node that was down for the delay stops to
// count, unless it is in maintenance or the brake is on; it counts again as soon
// as it answers.
func (c *Census) Step(now, delay time.Duration, nodes []Node) View {
	up := 0
	for _, n := range nodes {
		if n.Up {
			up++
		}
	}
	v := View{Braked: 2*up < len(nodes), Changed: c.view.Changed, Excused: c.excused(now, nodes)}
	out := make(map[shoal.NodeID]bool)
	var in, answering []placement.Node
	for _, n := range nodes {
		due := max(n.Since+delay, v.Excused[n.ID])
		switch {
		case n.Up:
			answering = append(answering, n.Node)
		case c.out[n.ID], now >= due && !v.Braked:
			out[n.ID] = true
			continue
		default:
			v.Away = append(v.Away, n.ID)
			if due > now && (v.Next == 0 || due < v.Next) {
				v.Next = due
			}
		}
		in = append(in, n.Node)
	}
	slices.Sort(v.Away)
	v.In, v.Up = mapOf(in, c.in, c.view.In), mapOf(answering, c.up, c.view.Up)
	if v.In != c.view.In {
		if digest := v.In.Digest(); c.view.In == nil || digest != c.digest {
			c.digest, v.Changed = digest, now
		} else {
			v.In = c.view.In // what was worked out of it stays good
		}
	}
	c.out, c.view, c.in, c.up = out, v, in, answering
	return v
}

// mapOf is the map of some nodes: the one there is, if it is of the same.
func mapOf(nodes, last []placement.Node, there *placement.Map) *placement.Map {
	switch {
	case there == nil:
		return placement.New(nodes)
	case slices.Equal(nodes, last):
		return there
	default:
		return there.With(nodes)
	}
}

// excused takes in what was said of absences, and gives those that last.
func (c *Census) excused(now time.Duration, nodes []Node) map[shoal.NodeID]time.Duration {
	words := make(map[shoal.NodeID]absent)
	excused := make(map[shoal.NodeID]time.Duration)
	for _, n := range nodes {
		heard, known := c.words[n.ID]
		if !known || heard.word != n.Absence.Word {
			heard = absent{word: n.Absence.Word, until: now + n.Absence.For}
		}
		words[n.ID] = heard
		if heard.until > now {
			excused[n.ID] = heard.until
		}
	}
	c.words = words
	return excused
}
