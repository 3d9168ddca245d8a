package host

import (
	"maps"

	"shoal/internal/journal"
	"shoal/internal/record"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/flaw"
)

// take takes in what the other end gave. What cannot be taken ends the stream.
func (s *stream) take(given []disk.Batch) {
	p := s.p
	last := make(record.Vector)
	for _, b := range given {
		last[b.Author] = max(last[b.Author], b.Seq)
	}
	admitted := p.talks.Admissions()
	taken, err := p.Take(given)
	if err != nil {
		s.end()
	}
	if s.dead {
		return
	}
	s.talk.Took(p.w.gossipTime(), last, taken.Again(), admitted)
}

// Take takes in batches as the journal does: none, if one is not signed by its
// author; and of each author none behind one that may not be taken yet.
func (p *Process) Take(given []disk.Batch) (journal.Taken, error) {
	for _, b := range given {
		if b.Seq > p.Upto(b.Author) && !p.w.Witness.Genuine(b) {
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
	p.streams.speak()
	return taken, nil
}

// admits reports why a batch may not be taken now, if it may not.
func (p *Process) admits(b record.Batch) error {
	clock := p.Clock
	for _, r := range b.Records {
		if err := clock.Hear(r.Stamp, p.m.Wall()); err != nil {
			return err
		}
	}
	if p.w.Flaw == flaw.Open {
		return nil
	}
	return p.Roster.Hears(b)
}

// append takes in the next batch of an author.
func (p *Process) append(b disk.Batch) {
	if b.Seq != p.Upto(b.Author)+1 {
		return // what came before it has just become void
	}
	for _, r := range b.Records {
		_ = p.Clock.Hear(r.Stamp, r.Stamp.Time()) // it was looked whether it can be believed
	}
	p.w.Witness.Obeys(p, b)
	p.Append(b)
	if p.Add(b.Batch) {
		p.mean()
	}
	p.tellNames(b.Batch)
	if p.Roster.Add(b.Batch) {
		p.enrol()
		if cut := p.Roster.Cut(); !maps.Equal(cut, p.Cut()) {
			p.reread()
		}
		p.talks.Admitted()
	}
	p.talks.Grew(p.w.gossipTime(), b.Author)
}
