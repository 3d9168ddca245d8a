package picker

// stealDepth is how many chunks from the end of a queue are looked at for one
// that the thief has too.
const stealDepth = 8

// loot returns the assignment that q should take over, or none: the last in
// the queue of the peer that would come to it latest. Who has one chunk only
// is never robbed, because that one is on its way; nor is anybody of what it
// took from q.
func (p *Picker) loot(q *source) int32 {
	if q.rate <= 0 {
		return none
	}
	found, longest := int32(none), stealFactor*q.wait(q.assigned+1)
	for _, slow := range p.roster {
		if slow.assigned < 2 || slow.wait(slow.assigned) < longest {
			continue
		}
		if at := p.lastFor(q, slow, Steal); at != none {
			found, longest = at, slow.wait(slow.assigned)
		}
	}
	return found
}

// late returns the chunk that q should ask for although another peer has been
// asked for it, or none. Only an idle peer does this, so there is at most one
// duplicate for each; and only for a peer that will be late with the chunk: the
// last in the queue of the latest.
func (p *Picker) late(q *source) int32 {
	if q.assigned > 0 {
		return none
	}
	found, longest := int32(none), lateFactor*q.wait(1)
	for _, slow := range p.roster {
		if slow.rate <= 0 || slow.wait(slow.assigned) < longest {
			continue
		}
		if at := p.lastFor(q, slow, Duplicate); at != none {
			found, longest = p.asked.slots[at].chunk, slow.wait(slow.assigned)
		}
	}
	return found
}

// lastFor returns the last assignment in slow's queue that q could take over
// or share, or none.
func (p *Picker) lastFor(q, slow *source, kind Kind) int32 {
	if q == slow {
		return none
	}
	at := slow.tail
	for range stealDepth {
		if at == none || kind == Steal && at == slow.head {
			return none
		}
		if p.open(q, at, kind) {
			return at
		}
		at = p.asked.slots[at].prev
	}
	return none
}

// open reports whether q has the assigned chunk, nobody else was asked for it
// and, for a Steal, it was not q's own before.
func (p *Picker) open(q *source, at int32, kind Kind) bool {
	a := &p.asked.slots[at]
	if kind == Steal && a.robbed == q {
		return false
	}
	return q.has(a.chunk) && !p.asked.shared(a.chunk) && !p.arrived.has(a.chunk)
}
