package sim

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"lukechampine.com/blake3"

	"shoal"
	"shoal/internal/catalog/journal"
	"shoal/internal/record"
)

// Upto, Vector and Digest are a process's gossip.Journal.
func (p *process) Upto(author shoal.NodeID) uint64 { return p.vector[author] }

// Vector is a copy.
func (p *process) Vector() record.Vector { return maps.Clone(p.vector) }

// Digest is as the journal's.
func (p *process) Digest() ([32]byte, error) {
	data, err := p.vector.Append(nil)
	return blake3.Sum256(data), err
}

// take takes in what the other end gave. What cannot be taken ends the stream.
func (s *stream) take(given []signed) {
	p := s.p
	last := make(record.Vector)
	for _, b := range given {
		last[b.Author] = max(last[b.Author], b.Seq)
	}
	taken, err := p.take(given)
	if err != nil {
		s.end()
	}
	if s.dead {
		return
	}
	again := taken.New > 0 || errors.Is(taken.Reason, journal.ErrGap)
	for _, author := range sortedKeys(last) {
		s.talk.Took(p.w.clock(), author, last[author], again)
	}
}

// take takes in batches as the journal does: none, if one is not signed by its
// author; and of each author none behind one that may not be taken yet.
func (p *process) take(given []signed) (journal.Taken, error) {
	for _, b := range given {
		if b.Seq > p.vector[b.Author] && !p.w.genuine(b) {
			return journal.Taken{}, record.ErrForged
		}
	}
	taken, fit := p.choose(given)
	for _, b := range fit {
		p.append(b)
	}
	p.speak()
	return taken, nil
}

// choose picks the batches that may be taken in.
func (p *process) choose(given []signed) (taken journal.Taken, fit []signed) {
	held, reached := make(map[shoal.NodeID]bool), p.Vector()
	for _, b := range given {
		if b.Seq <= reached[b.Author] {
			continue
		}
		err := p.admits(b)
		if b.Seq > reached[b.Author]+1 {
			err = journal.ErrGap
		}
		if err != nil && !held[b.Author] {
			held[b.Author], taken.Reason = true, cmp.Or(taken.Reason, err)
		}
		if held[b.Author] {
			taken.PutOff++
			continue
		}
		reached[b.Author] = b.Seq
		fit = append(fit, b)
	}
	taken.New = len(fit)
	return taken, fit
}

// admits reports why a batch may not be taken now, if it may not.
func (p *process) admits(b signed) error {
	clock := p.clock
	for _, r := range b.Records {
		if err := clock.Hear(r.Stamp, p.m.wall()); err != nil {
			return err
		}
	}
	if p.w.cfg.Flaw == Open {
		return nil
	}
	return p.roster.Hears(b.Batch)
}

// append takes in the next batch of an author.
func (p *process) append(b signed) {
	if b.Seq != p.vector[b.Author]+1 {
		return // what came before it has just become void
	}
	for _, r := range b.Records {
		_ = p.clock.Hear(r.Stamp, r.Stamp.Time()) // it was looked whether it can be believed
	}
	p.w.obeys(p, b)
	p.m.disk.log[b.Author] = append(p.m.disk.log[b.Author], b)
	p.vector[b.Author] = b.Seq
	if p.addVersions(b.Batch) {
		p.mean()
	}
	if p.roster.Add(b.Batch) {
		p.enrol()
		p.introduce()
		if cut := p.roster.Cut(); !maps.Equal(cut, p.cut) {
			p.reread()
		}
	}
	p.talks.Grew(p.w.clock(), b.Author)
}

// The bounds of a recall, as a node has them.
const (
	recallTime  = 3 * time.Second
	recallLimit = 30 * time.Second
	recallPeers = 8
)

// recollect begins to find out how far this node had come itself: it says nothing
// before it knows that, or has waited long enough.
func (p *process) recollect() {
	p.enough = recallEnough(p)
	for _, wait := range []time.Duration{recallTime, recallLimit} {
		p.w.after(wait, func() { p.hand(p.recall) })
	}
	p.recall()
}

// recallEnough is how many have to say how far they are, while there is time.
func recallEnough(p *process) int {
	others := 0
	for _, n := range p.roster.Nodes() {
		if n.Present() && n.ID != p.m.id {
			others++
		}
	}
	return min(others, recallPeers)
}

// recall lets the node speak once it knows how far it had come.
func (p *process) recall() {
	if p.ready {
		return
	}
	if p.w.now >= p.started+recallTime {
		p.enough = 0
	}
	met, sure := p.talks.Own()
	if met >= p.enough && sure || p.w.now >= p.started+recallLimit || p.w.cfg.Flaw == Forgetful {
		p.ready = true
		p.introduce()
	}
}

// introduce says of the node what others should know, when it is not what it has
// said.
func (p *process) introduce() {
	self := p.roster.Node(p.m.id)
	switch {
	case !p.ready, self.Name != "" && !p.m.moved, !self.Present() && p.vector[p.m.id] > 0:
		return
	}
	p.m.moved = false
	p.sayRoster(rosterSelf(p.m))
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
