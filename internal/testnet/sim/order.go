package sim

import (
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
	"shoal/internal/redundancy/safety"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/host"
)

// order is what somebody who may has decided of a node.
type order struct {
	node  shoal.NodeID
	state roster.State
}

func (w *world) order(m *host.Machine, state roster.State) { w.ordered[order{m.ID, state}] = true }

// granted is the role that a node was given by somebody who may.
func (w *world) granted(id shoal.NodeID) roster.Role {
	switch m := w.Node(id); {
	case m == nil:
		return roster.Stranger
	case m.Index == 0:
		return roster.Admin
	default:
		return m.Role
	}
}

// Obeys checks what a node takes in, and changes by: its author has said it, and
// may (I9).
func (w *world) Obeys(p *host.Process, b disk.Batch) {
	if !w.said[string(b.Data)] {
		w.Breach("I9: %s takes in a batch of %s, who did not sign it", p.Machine().Name(), b.Author.Short())
	}
	w.forked(p, b)
	role := w.granted(b.Author)
	for _, r := range b.Records {
		if role < roster.Reader || role < roster.Member && r.Kind != record.KindSelf {
			w.Breach("I9: %s takes in a batch of %s, who is a %v", p.Machine().Name(), b.Author.Short(), role)
		}
	}
}

// forked checks that nobody else has another batch of the same author and number
// (I9).
func (w *world) forked(p *host.Process, b disk.Batch) {
	for _, m := range w.Nodes {
		if log := m.Disk.Log[b.Author]; m != p.Machine() && uint64(len(log)) >= b.Seq && !slices.Equal(log[b.Seq-1].Data, b.Data) && !w.out(m) {
			w.Breach("I9: %s has another batch %d of %s than %s", p.Machine().Name(), b.Seq, b.Author.Short(), m.Name())
		}
	}
}

// unvoid checks that a node has dropped what a revoked node said behind its cut (I9).
func (w *world) unvoid(p *host.Process) {
	cut := p.Roster.Cut()
	for _, author := range host.SortedKeys(cut) {
		if p.Upto(author) > cut[author] {
			w.Breach("I9: %s keeps %d batches of %s, and may keep %d", p.Machine().Name(), p.Upto(author), author.Short(), cut[author])
		}
	}
}

// inOrder checks that everyone is to a node what somebody who may has made of
// them (I9).
func (w *world) inOrder(p *host.Process) {
	for _, n := range p.Roster.Nodes() {
		if role := w.granted(n.ID); n.Role > role {
			w.Breach("I9: to %s node %s is a %v, and it is a %v", p.Machine().Name(), n.ID.Short(), n.Role, role)
		}
		if n.State != roster.Active && !w.ordered[order{n.ID, n.State}] {
			w.Breach("I9: to %s node %s is %v, and nobody who may has said so", p.Machine().Name(), n.ID.Short(), n.State)
		}
	}
}

// recallEvery is every how many seconds each node is looked at.
const recallEvery = 20

// recalls checks that what a process works with is what its disk says: it would
// be the same if it were read again (I7).
func (w *world) recalls(p *host.Process) {
	again := host.Remember(p.Machine())
	same := func(a, b merge.Version) bool { return a.Dot == b.Dot && a.File == b.File }
	switch {
	case !maps.Equal(p.Vector(), again.Vector()):
		w.Breach("I7: %s has heard %v, and on its disk there is %v", p.Machine().Name(), p.Vector(), again.Vector())
	case !maps.EqualFunc(p.Names, again.Names, func(a, b merge.Name) bool { return slices.EqualFunc(a, b, same) }):
		w.Breach("I7: %s knows the names %s, and on its disk there are %s", p.Machine().Name(), p.Meaning(), again.Meaning())
	case !maps.Equal(p.Wanted, again.Wanted):
		w.Breach("I7: %s wants the files %v, and on its disk there are %v", p.Machine().Name(), p.Wanted, again.Wanted)
	case p.Who() != again.Who():
		w.Breach("I7: %s has the roster %s, and on its disk there is %s", p.Machine().Name(), p.Who(), again.Who())
	}
}

// wellness is how two machines could speak with each other.
type wellness struct {
	since time.Duration // when the last good time began; 0 is not now
	last  time.Duration // when they could last, after a good time
}

// settled is how long two must be well together before each knows it: a dial, and three
// beats that are in time.
const settled = 15 * time.Second

// meet notes with whom a machine can speak.
func (w *world) meet(m *host.Machine) {
	for _, o := range w.Nodes {
		v := w.well[[2]int{m.Index, o.Index}]
		switch {
		case !m.Up() || !o.Up() || w.Severed(m, o) || !m.Process.Allows(o.ID) || !o.Process.Allows(m.ID):
			v.since = 0
		case v.since == 0:
			v.since = w.Now()
		case w.Now() >= v.since+settled:
			v.last = w.Now()
		}
		w.well[[2]int{m.Index, o.Index}] = v
	}
}

// anyShort reports whether some node says that it has no room for all it should
// hold.
func anyShort(p *host.Process) bool {
	return slices.ContainsFunc(p.Seen(), func(m liveness.Member) bool {
		a, ok := safety.Parse(m.Own.Digest)
		return ok && a.Refused > 0 && m.State != liveness.Down
	})
}

// Repairs checks that what is fetched is not in place of somebody who has been
// away for less than the delay, unless it is the last copy (I4).
func (w *world) Repairs(p *host.Process, f *host.File, chunk int) {
	view := p.Keeper().View
	if anyShort(p) || w.out(p.Machine()) {
		return
	}
	all := p.Counting()
	if all.Len() == view.In.Len() {
		return
	}
	layout := all.File(f.ID, f.Chunks(), p.Wanted[f.Index].Copies)
	if layout.Holds(p.Machine().ID, chunk) {
		return
	}
	w.checked.Outages++
	there := 0
	for _, node := range layout.Holders(chunk) {
		if o := w.Node(node); o == p.Machine() || w.Now() <= w.well[[2]int{p.Machine().Index, o.Index}].last+time.Second {
			there++
		}
	}
	if there <= 1 && (p.Wanted[f.Index].Copies > 2 || w.Now() < p.Waited(f)) {
		return
	}
	for _, n := range all.Nodes() {
		if away := w.Now() - w.well[[2]int{p.Machine().Index, w.Node(n.ID).Index}].last; !view.In.Has(n.ID) && away < host.RepairDelay {
			w.Breach("I4: %s fetches chunk %d of %s in place of %s, which was away for %v", p.Machine().Name(), chunk, f, w.Node(n.ID).Name(), away)
		}
	}
}
