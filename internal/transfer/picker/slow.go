package picker

// searchBudget is how many assignments are looked at for one to take over, and
// how many for one to ask for twice. A search begins at a random peer, so one
// that is cut short does not miss the same peers each time.
const searchBudget = 64

// loot returns the assignment that q should take over, or none: the last in
// the queue of the peer that would come to it latest. Who has one chunk only
// is never robbed, because that one is on its way; nor is anybody of what it
// took from q.
func (p *Picker) loot(q *source) int32 {
	if q.rate <= 0 {
		return none
	}
	return p.search(q, Steal, max(stealFactor*q.wait(q.assigned+1), p.soon()))
}

// late returns the assignment of the chunk that q should ask for as well, or
// none: the last in the queue of the peer that would come to it latest. Only
// an idle peer does this, so there is at most one duplicate for each, and only
// if the other will be late with it.
func (p *Picker) late(q *source) int32 {
	if q.assigned > 0 {
		return none
	}
	return p.search(q, Duplicate, max(lateFactor*q.wait(1), p.soon()))
}

// soon is the wait, as source.wait counts it, that is not worth shortening.
func (p *Picker) soon() float64 {
	if p.unit <= 0 {
		return 0
	}
	return soonSeconds / p.unit
}

// search returns the last assignment that q may take over or share, of the
// peer that needs longest for its queue and at least the given time; or none.
func (p *Picker) search(q *source, kind Kind, least float64) int32 {
	found, budget := int32(none), searchBudget
	next := p.random.IntN(len(p.roster))
	for range p.roster {
		slow := p.roster[next]
		if next++; next == len(p.roster) {
			next = 0
		}
		wait := slow.wait(slow.assigned)
		if wait == 0 || wait < least || slow == q {
			continue
		}
		at := slow.tail
		for ; at != none && budget > 0 && !p.open(q, at, kind); budget-- {
			at = p.asked.slots[at].prev
		}
		if at != none && budget > 0 {
			found, least = at, wait
		}
	}
	return found
}

// open reports whether q has the assigned chunk and nobody else was asked for
// it; and, for a Steal, whether it is not the first in its queue and was not
// q's own before.
func (p *Picker) open(q *source, at int32, kind Kind) bool {
	a := &p.asked.slots[at]
	if kind == Steal && (a.prev == none || a.robbed == q) {
		return false
	}
	return q.has(a.chunk) && !p.asked.shared(a.chunk) && !p.arrived.has(a.chunk)
}
