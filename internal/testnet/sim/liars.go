package sim

import (
	"crypto/ed25519"
	"slices"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/host"
)

// liars is nodes, on the roster or not, that say things that they may not say.
type liars struct{ *world }

// forge has somebody say what they may not: a stranger in its own name or
// in the founder's, or a reader who writes. A machine that is on the roster may pass it on.
func (w liars) forge(m *host.Machine) {
	if !m.Up() {
		return
	}
	p, author := m.Process, w.Stranger()
	if readers := w.readers(); len(readers) > 0 && w.Chance(0.5) {
		author = *readers[w.Random.IntN(len(readers))]
	}
	b := author.Sign(p.Upto(author.ID)+1, w.lie(p, author.ID)...)
	if w.Chance(0.3) {
		b.Author, b.Seq = w.Nodes[0].ID, p.Upto(w.Nodes[0].ID)+1
		b.Data = slices.Concat(b.Data[:1], w.Nodes[0].Key.Public().(ed25519.PublicKey), b.Data[1+ed25519.PublicKeySize:])
	}
	if passedOn := w.Chance(0.5); passedOn || p.Allows(author.ID) {
		w.checked.Forgeries++
		w.Note("%s is given a batch of %s, who may not say that", m.Name(), author.ID.Short())
		p.Hand(func() {
			if _, err := p.Take([]disk.Batch{b}); err != nil {
				w.Note("%s: %v", m.Name(), err)
			}
		})
	}
}

// readers is the machines that may write nothing.
func (w liars) readers() (found []*host.Machine) {
	for _, m := range w.Nodes {
		if m.Role == roster.Reader && !m.Retired {
			found = append(found, m)
		}
	}
	return found
}

// lie is what somebody says who may not: that it is an admin, and that a name means
// another file.
func (w liars) lie(p *host.Process, author shoal.NodeID) []record.Record {
	admit, err := roster.Record(p.Clock.Next(p.Machine().Wall()), roster.Admit{Node: author, Role: roster.Admin})
	if err != nil {
		w.Breach("a lie cannot be told: %v", err)
	}
	name := people(w).pick(p)
	if name == "" || len(w.files) == 0 {
		return []record.Record{admit}
	}
	f := w.files[w.Random.IntN(len(w.files))]
	body, err := merge.Put{Name: name, File: f.ID, Size: f.Size, ChunkSize: host.ChunkSize, Added: p.Machine().Wall(), Over: p.Names[name].Over()}.Append(nil)
	if err != nil {
		w.Breach("a lie cannot be told: %v", err)
	}
	return []record.Record{admit, {Stamp: p.Clock.Next(p.Machine().Wall()), Kind: record.KindPut, Body: body}}
}

// overstep has a member decide what is for admins, of itself or of
// another. All hear it, and nothing comes of it.
func (w liars) overstep(m *host.Machine) {
	if m.Index == 0 || !m.Writer() {
		return
	}
	other := w.Nodes[w.Random.IntN(len(w.Nodes))]
	w.Note("%s would decide over %s", m.Name(), other.Name())
	switch w.Random.IntN(3) {
	case 0:
		m.Process.SayRoster(roster.Set{Node: m.ID, HasRole: true, Role: roster.Admin})
	case 1:
		m.Process.SayRoster(roster.Admit{Node: other.ID, Role: roster.Admin})
	default:
		if other != m {
			m.Process.SayRoster(roster.Set{Node: other.ID, HasState: true, State: roster.Revoked})
		}
	}
	w.checked.Forgeries++
}
