package picker

// assignment is one chunk asked of one peer. It is in two lists: the peer's
// queue, in the order of asking, and that of all assignments of the chunk: two
// at most, since a chunk that is shared is given to nobody else.
type assignment struct {
	chunk      int32
	peer       *source
	prev, next int32 // in the queue of peer
	other      int32 // another assignment of chunk
	turn       uint32
	robbed     *source // from whom peer took it, or nil
}

// none is the chunk, or the assignment, that is not there.
const none = -1

// ledger has every assignment. They lie in one slice and are used again, so a
// transfer that has reached its width allocates nothing more.
type ledger struct {
	slots []assignment
	spare []int32
	holds []int32 // by chunk: an assignment of it, or none
	twice int     // how many chunks are assigned to two peers
}

func newLedger(size int) ledger {
	l := ledger{holds: make([]int32, size)}
	for c := range l.holds {
		l.holds[c] = none
	}
	return l
}

// assign puts c last into q's queue.
func (l *ledger) assign(q *source, c int32, robbed *source) {
	q.turn++
	a := assignment{chunk: c, peer: q, prev: q.tail, next: none, other: l.holds[c], turn: q.turn, robbed: robbed}
	if a.other != none {
		l.twice++
	}
	at := l.slot()
	l.slots[at] = a
	l.holds[c] = at
	if q.tail == none {
		q.head = at
	} else {
		l.slots[q.tail].next = at
	}
	q.tail = at
	q.assigned++
}

func (l *ledger) slot() int32 {
	if n := len(l.spare); n > 0 {
		at := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return at
	}
	l.slots = append(l.slots, assignment{})
	return int32(len(l.slots) - 1)
}

// find returns q's assignment of c, or none.
func (l *ledger) find(q *source, c int32) int32 {
	at := l.holds[c]
	for at != none && l.slots[at].peer != q {
		at = l.slots[at].other
	}
	return at
}

// shared reports whether c is assigned to more than one peer.
func (l *ledger) shared(c int32) bool {
	return l.holds[c] != none && l.slots[l.holds[c]].other != none
}

// partner is the other assignment of a chunk that is shared.
func (l *ledger) partner(at int32) *assignment {
	other := l.holds[l.slots[at].chunk]
	if other == at {
		other = l.slots[at].other
	}
	return &l.slots[other]
}

// drop ends an assignment.
func (l *ledger) drop(at int32) {
	a := l.slots[at]
	l.unhold(a.chunk, at)
	if a.prev == none {
		a.peer.head = a.next
	} else {
		l.slots[a.prev].next = a.next
	}
	if a.next == none {
		a.peer.tail = a.prev
	} else {
		l.slots[a.next].prev = a.prev
	}
	a.peer.assigned--
	l.slots[at] = assignment{}
	l.spare = append(l.spare, at)
}

func (l *ledger) unhold(c, at int32) {
	link := &l.holds[c]
	for *link != at {
		link = &l.slots[*link].other
	}
	*link = l.slots[at].other
	if l.holds[c] != none {
		l.twice--
	}
}

// ahead is how many chunks at most its peer delivers before this one. It is an
// upper bound: the gaps that cancelled chunks leave in the turns count too.
func (l *ledger) ahead(at int32) int {
	a := &l.slots[at]
	turns := a.turn - l.slots[a.peer.head].turn
	return min(int(turns), a.peer.assigned-1)
}
