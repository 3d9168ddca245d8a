package roster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"shoal"
	"shoal/internal/record"
)

// evaluate works the roster out of all that was said. A revocation voids what
// its node says in later batches, even under stamps of before; so when one is
// found, all is worked out again without those. Only a senior can revoke, so each
// time what one more rank says is settled, and it ends after as many as there
// are nodes.
func (r *Roster) evaluate() {
	cut := record.Vector{}
	for pass := 0; pass <= len(r.nodes)+1; pass++ {
		r.nodes = map[shoal.NodeID]*Node{r.founder: {ID: r.founder, Role: Admin}}
		for _, s := range r.said {
			if upto, isCut := cut[s.author]; !isCut || s.seq <= upto {
				r.apply(s)
			}
		}
		next := r.Cut()
		if maps.Equal(next, cut) {
			break
		}
		cut = next
	}
	r.title()
}

// apply takes in one statement, if its author may make it.
func (r *Roster) apply(s statement) {
	author := r.nodes[s.author]
	if author == nil {
		return
	}
	switch body := s.body.(type) {
	case Self:
		author.Self, author.selfSaid = body, s.merged
	case Admit:
		r.admit(author, body, s)
	case Set:
		r.set(author, body, s.merged)
	}
}

// admit has a node let another in. A node that is in can only be let in as more
// than it is, and a revoked one not at all. One that was removed comes back as
// what it is let in as; but an admin whom a junior one has removed as an admin, or
// anybody could demote the founder with the junior's help.
func (r *Roster) admit(author *Node, a Admit, s statement) {
	if author.Role < Member || a.Role > Member && author.Role < Admin || !author.Present() {
		return
	}
	since := seniority{stamp: max(s.stamp, author.since.stamp), depth: author.since.depth + 1}
	n := r.nodes[a.Node]
	switch {
	case n == nil:
		r.nodes[a.Node] = &Node{ID: a.Node, Role: a.Role, since: since}
	case n.State == Revoked, n == author:
	case n.State == Removed:
		if n.State = Active; n.Role < Admin || n.ousted {
			n.Role = a.Role
		}
	case a.Role > n.Role:
		n.Role = a.Role
	}
}

// set has a node change what holds for another, or for itself.
func (r *Roster) set(author *Node, c Set, said merged) {
	n := r.nodes[c.Node]
	if n == nil {
		return
	}
	may := r.powers(author, n, c)
	if c.HasState && may.state {
		n.State, n.upto, n.ousted = c.State, c.Upto, may.above || n.ousted && c.State == Removed
	}
	if c.HasRole && may.role {
		n.Role = c.Role
	}
	if c.HasMaintenance && may.maintenance {
		n.Maintenance, n.MaintenanceSaid = c.Maintenance, said.stamp
	}
}

// powers is what of a Set its author may say.
type powers struct {
	above                    bool // it is an admin senior to the node
	state, role, maintenance bool
}

// powers finds out what an author may set of a node. An admin that a junior one
// has removed still has a say over it.
func (r *Roster) powers(author, n *Node, c Set) powers {
	if n.State == Revoked {
		return powers{}
	}
	above := author.Role == Admin && author.State != Revoked && author.since.before(n.since)
	admin := above || author.Role == Admin && author.Present()
	self := n == author && (n.Present() || n.ID == r.founder)
	return powers{
		above: above, role: above && c.Role >= Reader, maintenance: admin || self,
		state: above || admin && n != author && c.State < Revoked || self && c.State <= Draining,
	}
}

// May reports whether a node may say all of a Set, as things are.
func (r *Roster) May(author shoal.NodeID, c Set) bool {
	by, n := r.nodes[author], r.nodes[c.Node]
	if by == nil || n == nil {
		return false
	}
	may := r.powers(by, n, c)
	return (may.state || !c.HasState) && (may.role || !c.HasRole) && (may.maintenance || !c.HasMaintenance)
}

// title gives every node a name of its own: of several with one name the most
// senior has it, and the others get a number.
func (r *Roster) title() {
	order := slices.SortedFunc(maps.Values(r.nodes), func(a, b *Node) int {
		return cmp.Or(a.since.compare(b.since), cmp.Compare(a.ID, b.ID))
	})
	taken := make(map[string]bool)
	for _, n := range order {
		name := n.Name
		if name == "" {
			name = n.ID.Short()
		}
		n.Title = name
		for i := 2; taken[n.Title]; i++ {
			n.Title = fmt.Sprintf("%s-%d", name, i)
		}
		taken[n.Title] = true
	}
}
