package sim

import (
	"maps"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/record"
)

// Upto, Vector and Digest are a process's gossip.Journal.
func (p *process) Upto(author shoal.NodeID) uint64 { return p.vector[author] }

// Vector is a copy.
func (p *process) Vector() record.Vector { return maps.Clone(p.vector) }

// Digest is as the journal's.
func (p *process) Digest() ([32]byte, error) { return p.vector.Digest() }

// take takes in what the other end gave. What cannot be taken ends the stream.
func (s *stream) take(given []signed) {
	p := s.p
	last := make(record.Vector)
	for _, b := range given {
		last[b.Author] = max(last[b.Author], b.Seq)
	}
	admitted := p.talks.Admissions()
	taken, err := p.take(given)
	if err != nil {
		s.end()
	}
	if s.dead {
		return
	}
	s.talk.Took(p.w.clock(), last, taken.Again(), admitted)
}

// take takes in batches as the journal does: none, if one is not signed by its
// author; and of each author none behind one that may not be taken yet.
func (p *process) take(given []signed) (journal.Taken, error) {
	for _, b := range given {
		if b.Seq > p.vector[b.Author] && !p.w.genuine(b) {
			return journal.Taken{}, record.ErrForged
		}
	}
	offered := make([]journal.Offered, len(given))
	for i, b := range given {
		offered[i] = journal.Offered{Batch: b.Batch, After: b.Seq - 1}
	}
	taken, fit := journal.Choose(offered, p.Vector(), p.admits)
	for _, i := range fit {
		p.append(given[i])
	}
	p.speak()
	return taken, nil
}

// admits reports why a batch may not be taken now, if it may not.
func (p *process) admits(b record.Batch) error {
	clock := p.clock
	for _, r := range b.Records {
		if err := clock.Hear(r.Stamp, p.m.wall()); err != nil {
			return err
		}
	}
	if p.w.cfg.Flaw == Open {
		return nil
	}
	return p.roster.Hears(b)
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
	p.tellNames(b.Batch)
	if p.roster.Add(b.Batch) {
		p.enrol()
		if cut := p.roster.Cut(); !maps.Equal(cut, p.cut) {
			p.reread()
		}
		p.talks.Admitted()
	}
	p.talks.Grew(p.w.clock(), b.Author)
}
