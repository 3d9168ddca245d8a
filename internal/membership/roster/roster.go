// Package roster is who may be in the shoal, and as what: the view over the
// records by which members admit others and every node tells of itself.
// Whoever has the same records has the same roster, in whatever order they came.
//
// It is pure. Who is up it does not know.
//
// docs/spec/roster.md is its specification.
package roster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/record"
)

// Role is what a node may do.
type Role uint8

// The roles. Each may do what those before it may.
const (
	Stranger Role = iota
	Reader        // fetches and searches; stores and writes nothing
	Member        // stores, writes, and admits readers and members
	Admin         // admits and changes everyone who came after it
)

func (r Role) String() string {
	return [...]string{"stranger", "reader", "member", "admin"}[min(r, Admin)]
}

// ParseRole reads what String prints, but for stranger. Errors are shoal.Usage.
func ParseRole(text string) (Role, error) {
	for r := Reader; r <= Admin; r++ {
		if r.String() == text {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%q is no role; there are reader, member and admin: %w", text, shoal.Usage)
}

// State is whether a node is wanted.
type State uint8

// The states.
const (
	Active   State = iota
	Draining       // holds nothing for others any more, and serves until it is empty
	Removed        // gone for now: it may be admitted again
	Revoked        // cut off for good
)

func (s State) String() string {
	return [...]string{"active", "draining", "removed", "revoked"}[min(s, Revoked)]
}

// Node is what the roster says of one node.
type Node struct {
	ID          shoal.NodeID
	Role        Role
	State       State
	Maintenance time.Duration // for how long it was last said to be away, from when one hears of it
	Self                      // what it last said of itself
	Title       string        // its name, made different from all others'

	MaintenanceSaid record.Stamp // tells one such word from another

	since    seniority
	selfSaid merged
	upto     uint64 // of a revoked node: the last of its batches that counts
	ousted   bool   // of a removed node: an admin senior to it has removed it
}

// Present reports whether the node is to be spoken with.
func (n Node) Present() bool { return n.Role >= Reader && (n.State == Active || n.State == Draining) }

// Stores reports whether the node should hold chunks for others.
func (n Node) Stores() bool { return n.Role >= Member && n.State == Active && n.Allotment > 0 }

// seniority orders the nodes: one cannot be senior to the one that admitted it,
// whatever stamp that one has put under the admission.
type seniority struct {
	stamp record.Stamp
	depth int // admissions between the founder and the node
}

func (s seniority) compare(t seniority) int {
	return cmp.Or(cmp.Compare(s.stamp, t.stamp), cmp.Compare(s.depth, t.depth))
}

func (s seniority) before(t seniority) bool { return s.compare(t) < 0 }

// merged is the place of a record in the one order of all.
type merged struct {
	stamp  record.Stamp
	author shoal.NodeID
}

func (m merged) compare(o merged) int {
	return cmp.Or(cmp.Compare(m.stamp, o.stamp), cmp.Compare(m.author, o.author))
}

// Roster is the nodes of one shoal. It is not safe for use by several goroutines
// at once; the Nodes it gives are the caller's.
type Roster struct {
	founder shoal.NodeID
	said    []statement // all that bears on the roster, in the one order
	known   map[merged]bool
	nodes   map[shoal.NodeID]*Node
}

// statement is a record of the roster, understood.
type statement struct {
	merged
	seq  uint64
	body any // Admit, Set or Self
}

// New is the roster of a shoal in which only its founder is.
func New(founder shoal.NodeID) *Roster {
	r := &Roster{founder: founder, known: make(map[merged]bool)}
	r.evaluate()
	return r
}

// Add takes in the roster's records of batches, and reports whether there were
// any it did not have. A malformed one says nothing.
func (r *Roster) Add(batches ...record.Batch) bool {
	added := false
	for _, b := range batches {
		for _, rec := range b.Records {
			s := statement{merged: merged{rec.Stamp, b.Author}, seq: b.Seq}
			body, err := parse(rec)
			if body == nil || err != nil || r.known[s.merged] {
				continue
			}
			s.body, r.known[s.merged], added = body, true, true
			r.said = append(r.said, s)
		}
	}
	if added {
		slices.SortFunc(r.said, func(a, b statement) int { return a.compare(b.merged) })
		r.evaluate()
	}
	return added
}

// Node is what is said of a node; a stranger's Role is Stranger.
func (r *Roster) Node(id shoal.NodeID) Node {
	if n := r.nodes[id]; n != nil {
		return *n
	}
	return Node{ID: id}
}

// Nodes is all nodes that were ever admitted, in order of their ids.
func (r *Roster) Nodes() []Node {
	all := make([]Node, 0, len(r.nodes))
	for _, id := range slices.Sorted(maps.Keys(r.nodes)) {
		all = append(all, *r.nodes[id])
	}
	return all
}

// Hears reports why a batch may not be taken in, if it may not: its author is
// not known, was cut off before it, or says what its role does not let it.
func (r *Roster) Hears(b record.Batch) error {
	n := r.nodes[b.Author]
	switch {
	case n == nil:
		return fmt.Errorf("node %s is not on the roster: %w", b.Author.Short(), shoal.Unauthorised)
	case n.State == Revoked && b.Seq > n.upto:
		return fmt.Errorf("node %s was revoked: %w", b.Author.Short(), shoal.Unauthorised)
	}
	for _, rec := range b.Records {
		if n.Role < Member && rec.Kind != record.KindSelf {
			return fmt.Errorf("node %s is a reader, and writes: %w", b.Author.Short(), shoal.Unauthorised)
		}
	}
	return nil
}

// Cut is the revoked nodes, each with the last of its batches that counts.
func (r *Roster) Cut() record.Vector {
	cut := make(record.Vector)
	for id, n := range r.nodes {
		if n.State == Revoked {
			cut[id] = n.upto
		}
	}
	return cut
}
