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
// or near and assigned to one peer that will be late with it; or none.
func (p *Picker) urgent(q *source) int32 {
	near := nearDeadlines
	for _, c := range p.deadlines {
		switch {
		case !q.has(c) || p.done.has(c):
		case p.free.has(c):
			return c
		case near > 0:
			near--
			if p.overdue(q, c) {
				return c
			}
		}
	}
	return none
}

// overdue reports whether the one peer that has c assigned takes much longer
// for it than q would. Nobody is known to be slower than a q that has no rate.
func (p *Picker) overdue(q *source, c int32) bool {
	at := p.asked.holds[c]
	if at == none || q.rate <= 0 || p.arrived.has(c) || p.asked.shared(c) {
		return false
	}
	slow := p.asked.slots[at].peer
	wait := slow.wait(p.asked.ahead(at) + 1)
	return slow != q && wait >= lateFactor*q.wait(q.assigned+1)
}
