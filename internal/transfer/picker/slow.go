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
	return p.search(q, toTake, max(stealFactor*q.wait(q.assigned+1), p.soon()))
}

// late returns the assignment of the chunk that q should ask for as well, or
// none: the last in the queue of the peer that would come to it latest. Only
// an idle peer does this, so there is at most one duplicate for each, and only
// if the other will be late with it.
func (p *Picker) late(q *source) int32 {
	if q.assigned > 0 {
		return none
	}
	return p.search(q, toShare, max(lateFactor*q.wait(1), p.soon()))
}

// stuck returns the assignment that q should take over of a chunk that was asked
// for twice already, or none: that of the slower of two peers that will both be
// late with it. Else two that give next to nothing would keep it for ever.
func (p *Picker) stuck(q *source) int32 {
	if q.assigned > 0 || p.asked.twice == 0 {
		return none
	}
	return p.search(q, toReplace, max(lateFactor*q.wait(1), p.soon()))
}

// aim is what an assignment is looked for.
type aim uint8

const (
	toTake    aim = iota // from the only peer that was asked
	toShare              // with it
	toReplace            // from the slower of two
)

// soon is the wait, as source.wait counts it, that is not worth shortening.
func (p *Picker) soon() float64 {
	if p.unit <= 0 {
		return 0
	}
	return soonSeconds / p.unit
}

// search returns the last assignment that is open to q, of the peer that needs
// longest for its queue and at least the given time; or none.
func (p *Picker) search(q *source, aim aim, least float64) int32 {
	found, budget, late := int32(none), searchBudget, least
	next := p.random.IntN(len(p.roster))
	for range p.roster {
		slow := p.roster[next]
		if next++; next == len(p.roster) {
			next = 0
		}
		wait := slow.queue()
		if wait == 0 || wait < least || slow == q {
			continue
		}
		at := slow.tail
		for ; at != none && budget > 0 && !p.open(q, at, aim, late); budget-- {
			at = p.asked.slots[at].prev
		}
		if at != none && budget > 0 {
			found, least = at, wait
		}
	}
	return found
}

// open reports whether q has the assigned chunk, and nobody else was asked for
// it. To be taken, it may not be the first in its queue, nor taken from q before;
// to be replaced, another peer was asked that is no slower, but late as well.
func (p *Picker) open(q *source, at int32, aim aim, late float64) bool {
	a := &p.asked.slots[at]
	switch {
	case !q.has(a.chunk) || p.asked.shared(a.chunk) != (aim == toReplace):
		return false
	case aim == toTake:
		return a.prev != none && a.robbed != q
	case aim == toReplace:
		wait := p.asked.partner(at).peer.queue()
		return wait > 0 && late <= wait && wait <= a.peer.queue() && a.robbed != q // of one whose rate is not known nobody knows that it is late
	}
	return true
}
