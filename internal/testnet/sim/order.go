package sim

import (
	"crypto/ed25519"
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/safety"
)

// order is what somebody who may has decided of a node.
type order struct {
	node  shoal.NodeID
	state roster.State
}

func (w *world) order(m *machine, state roster.State) { w.ordered[order{m.id, state}] = true }

// granted is the role that a node was given by somebody who may.
func (w *world) granted(id shoal.NodeID) roster.Role {
	switch m := w.node(id); {
	case m == nil:
		return roster.Stranger
	case m.index == 0:
		return roster.Admin
	default:
		return m.role
	}
}

// obeys checks what a node takes in, and changes by: its author has said it, and
// may (I9).
func (w *world) obeys(p *process, b signed) {
	if !w.said[string(b.data)] {
		w.breach("I9: %s takes in a batch of %s, who did not sign it", p.m.name(), b.Author.Short())
	}
	w.forked(p, b)
	role := w.granted(b.Author)
	for _, r := range b.Records {
		if role < roster.Reader || role < roster.Member && r.Kind != record.KindSelf {
			w.breach("I9: %s takes in a batch of %s, who is a %v", p.m.name(), b.Author.Short(), role)
		}
	}
}

// forked checks that nobody else has another batch of the same author and number
// (I9).
func (w *world) forked(p *process, b signed) {
	for _, m := range w.nodes {
		if log := m.disk.log[b.Author]; m != p.m && uint64(len(log)) >= b.Seq && !slices.Equal(log[b.Seq-1].data, b.data) && !w.out(m) {
			w.breach("I9: %s has another batch %d of %s than %s", p.m.name(), b.Seq, b.Author.Short(), m.name())
		}
	}
}

// inOrder checks that everyone is to a node what somebody who may has made of
// them (I9).
func (w *world) inOrder(p *process) {
	for _, n := range p.roster.Nodes() {
		if role := w.granted(n.ID); n.Role > role {
			w.breach("I9: to %s node %s is a %v, and it is a %v", p.m.name(), n.ID.Short(), n.Role, role)
		}
		if n.State != roster.Active && !w.ordered[order{n.ID, n.State}] {
			w.breach("I9: to %s node %s is %v, and nobody who may has said so", p.m.name(), n.ID.Short(), n.State)
		}
	}
}

// someoneForges has somebody say what they may not: a stranger in its own name or
// in the founder's, or a reader who writes. A machine that is on the roster may pass it on.
func (w *world) someoneForges(m *machine) {
	if !m.up() {
		return
	}
	p, author := m.process, machine{w: w, index: -1}
	author.key, author.id = keyOf("stranger")
	if readers := w.readers(); len(readers) > 0 && w.chance(0.5) {
		author = *readers[w.random.IntN(len(readers))]
	}
	b := author.sign(p.vector[author.id]+1, w.lie(p, author.id)...)
	if w.chance(0.3) {
		b.Author, b.Seq = w.nodes[0].id, p.vector[w.nodes[0].id]+1
		b.data = slices.Concat(b.data[:1], w.nodes[0].key.Public().(ed25519.PublicKey), b.data[1+ed25519.PublicKeySize:])
	}
	if passedOn := w.chance(0.5); passedOn || p.allows(author.id) {
		w.checked.Forgeries++
		w.note("%s is given a batch of %s, who may not say that", m.name(), author.id.Short())
		p.hand(func() {
			if _, err := p.take([]signed{b}); err != nil {
				w.note("%s: %v", m.name(), err)
			}
		})
	}
}

// readers is the machines that may write nothing.
func (w *world) readers() (found []*machine) {
	for _, m := range w.nodes {
		if m.role == roster.Reader && !m.retired {
			found = append(found, m)
		}
	}
	return found
}

// lie is what somebody says who may not: that it is an admin, and that a name means
// another file.
func (w *world) lie(p *process, author shoal.NodeID) []record.Record {
	admit, err := roster.Record(p.clock.Next(p.m.wall()), roster.Admit{Node: author, Role: roster.Admin})
	if err != nil {
		w.breach("a lie cannot be told: %v", err)
	}
	name := p.pick()
	if name == "" || len(w.files) == 0 {
		return []record.Record{admit}
	}
	f := w.files[w.random.IntN(len(w.files))]
	body, err := merge.Put{Name: name, File: f.ID, Size: f.Size, ChunkSize: chunkSize, Added: p.m.wall(), Over: p.names[name].Over()}.Append(nil)
	if err != nil {
		w.breach("a lie cannot be told: %v", err)
	}
	return []record.Record{admit, {Stamp: p.clock.Next(p.m.wall()), Kind: record.KindPut, Body: body}}
}

// someoneOversteps has a member decide what is for admins, of itself or of
// another. All hear it, and nothing comes of it.
func (w *world) someoneOversteps(m *machine) {
	if m.index == 0 || !m.writer() {
		return
	}
	other := w.nodes[w.random.IntN(len(w.nodes))]
	w.note("%s would decide over %s", m.name(), other.name())
	switch w.random.IntN(3) {
	case 0:
		m.process.sayRoster(roster.Set{Node: m.id, HasRole: true, Role: roster.Admin})
	case 1:
		m.process.sayRoster(roster.Admit{Node: other.id, Role: roster.Admin})
	default:
		if other != m {
			m.process.sayRoster(roster.Set{Node: other.id, HasState: true, State: roster.Revoked})
		}
	}
	w.checked.Forgeries++
}

// recallEvery is every how many seconds each node is looked at.
const recallEvery = 20

// recalls checks that what a process works with is what its disk says: it would
// be the same if it were read again (I7).
func (p *process) recalls() {
	again := remember(p.m)
	same := func(a, b merge.Version) bool { return a.Dot == b.Dot && a.File == b.File }
	switch {
	case !maps.Equal(p.vector, again.vector):
		p.w.breach("I7: %s has heard %v, and on its disk there is %v", p.m.name(), p.vector, again.vector)
	case !maps.EqualFunc(p.names, again.names, func(a, b merge.Name) bool { return slices.EqualFunc(a, b, same) }):
		p.w.breach("I7: %s knows the names %s, and on its disk there are %s", p.m.name(), p.meaning(), again.meaning())
	case !maps.Equal(p.wanted, again.wanted):
		p.w.breach("I7: %s wants the files %v, and on its disk there are %v", p.m.name(), p.wanted, again.wanted)
	case p.who() != again.who():
		p.w.breach("I7: %s has the roster %s, and on its disk there is %s", p.m.name(), p.who(), again.who())
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
func (m *machine) meet() {
	for _, o := range m.w.nodes {
		v := m.well[o.index]
		switch {
		case !m.up() || !o.up() || m.w.severed(m, o) || !m.process.allows(o.id) || !o.process.allows(m.id):
			v.since = 0
		case v.since == 0:
			v.since = m.w.Now()
		case m.w.Now() >= v.since+settled:
			v.last = m.w.Now()
		}
		m.well[o.index] = v
	}
}

// anyShort reports whether some node says that it has no room for all it should
// hold.
func (p *process) anyShort() bool {
	return slices.ContainsFunc(p.seen(), func(m liveness.Member) bool {
		a, ok := safety.Parse(m.Own.Digest)
		return ok && a.Refused > 0 && m.State != liveness.Down
	})
}

// counting is the map of all nodes that store, whether they answer or not.
func (p *process) counting() *placement.Map {
	var nodes []placement.Node
	for _, n := range p.roster.Nodes() {
		if n.Stores() {
			nodes = append(nodes, placed(n))
		}
	}
	if p.storing == nil || !slices.Equal(nodes, p.stores) {
		p.stores, p.storing = nodes, placement.New(nodes)
	}
	return p.storing
}

// repairs checks that what is fetched is not in place of somebody who has been
// away for less than the delay, unless it is the last copy (I4).
func (w *world) repairs(p *process, f *file, chunk int) {
	view := p.keep.machine.State().View
	if p.anyShort() || w.out(p.m) {
		return
	}
	all := p.counting()
	if all.Len() == view.In.Len() {
		return
	}
	layout := all.File(f.ID, f.chunks, p.wanted[f.index].copies)
	if layout.Holds(p.m.id, chunk) {
		return
	}
	w.checked.Outages++
	there := 0
	for _, node := range layout.Holders(chunk) {
		if o := w.node(node); o == p.m || w.Now() <= p.m.well[o.index].last+time.Second {
			there++
		}
	}
	if there <= 1 && (p.wanted[f.index].copies > 2 || w.Now() < p.keep.waited[f.index]) {
		return
	}
	for _, n := range all.Nodes() {
		if away := w.Now() - p.m.well[w.node(n.ID).index].last; !view.In.Has(n.ID) && away < RepairDelay {
			w.breach("I4: %s fetches chunk %d of %s in place of %s, which was away for %v", p.m.name(), chunk, f, w.node(n.ID).name(), away)
		}
	}
}
