package picker

const (
	// maxDeadlines is how many chunks can have a deadline at once: 64 MiB ahead
	// with the smallest default chunk.
	maxDeadlines = 256
	// nearDeadlines is how many of those that have been asked for are worth a
	// second request: the first that this peer has.
	nearDeadlines = 16
)

// Deadlines says which chunks a stream needs first, in that order, from
// whoever has them. They replace those of the call before, as after a seek;
// those beyond maxDeadlines have none. It does not make a chunk wanted.
func (p *Picker) Deadlines(chunks []int) {
	p.deadlines = p.deadlines[:0]
	for _, chunk := range chunks[:min(len(chunks), maxDeadlines)] {
		if c, ok := p.chunk(chunk); ok {
			p.deadlines = append(p.deadlines, c)
		}
	}
}

// urgent returns the first chunk with a deadline that q has and that is free,
// or near and assigned to peers that will all be late with it; or none. With it
// comes the assignment of the slowest, or none.
func (p *Picker) urgent(q *source) (chunk, slowest int32) {
	near := nearDeadlines
	for _, c := range p.deadlines {
		switch {
		case !q.has(c) || p.done.has(c):
		case p.free.has(c):
			return c, none
		case near > 0:
			near--
			if at := p.overdue(q, c); at != none {
				return c, at
			}
		}
	}
	return none, none
}

// overdue returns the assignment of c to the slowest of the peers that have it,
// if all of them take much longer for it than q would; or none. A place that is
// taken from one of two must be worth it, as any Steal. Nobody is known to be
// slower than a q that has no rate.
func (p *Picker) overdue(q *source, c int32) int32 {
	if q.rate <= 0 {
		return none
	}
	least := lateFactor * q.wait(q.assigned+1)
	if p.asked.shared(c) {
		least = max(stealFactor*q.wait(q.assigned+1), p.soon())
	}
	slowest, longest := int32(none), 0.0
	for at := p.asked.holds[c]; at != none; at = p.asked.slots[at].other {
		slow := p.asked.slots[at].peer
		wait := slow.wait(p.asked.ahead(at) + 1)
		if slow == q || wait < least {
			return none
		}
		if wait > longest {
			slowest, longest = at, wait
		}
	}
	return slowest
}
