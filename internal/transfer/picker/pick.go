package picker

// Kind is why a chunk was picked.
type Kind int

// The kinds, in the order in which Pick tries them: Urgent, Fresh, Steal,
// Duplicate.
const (
	// Fresh is a chunk that nobody was asked for.
	Fresh Kind = iota
	// Urgent is the first chunk with a deadline that this peer can help with. It
	// may be assigned to a slower peer too, and stays assigned to it.
	Urgent
	// Steal is a chunk taken from a peer that would have come to it much later:
	// the last in its queue or, if another late one was asked for it too, any.
	Steal
	// Duplicate is a chunk that another peer has assigned and keeps: the endgame.
	Duplicate
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Fresh:
		return "fresh"
	case Urgent:
		return "urgent"
	case Steal:
		return "steal"
	case Duplicate:
		return "duplicate"
	}
	return "unknown"
}

// Pick is a chunk to ask a peer for.
type Pick struct {
	Chunk int
	Kind  Kind
	// From is the peer that Chunk was taken from, to be cancelled there. It
	// means something for Steal only.
	From Peer
}

// The bounds of the strategy.
const (
	// stealFactor is how many times longer a peer must need for all it has
	// assigned than the thief would with one more, before it is robbed: rqbit
	// steals from its queue at 3 (torrent_state/live/mod.rs).
	stealFactor = 3
	// lateFactor is how many times longer a peer must need for a chunk than
	// another before that one is asked for it too. With equals, the second
	// request would lose the race and waste what it fetched.
	lateFactor = 2
	// soonSeconds is what a peer may need for its queue without anything
	// being taken from it or asked for twice: less than that is won by neither,
	// for the bytes are on their way before the cancel can get there.
	soonSeconds = 0.25
)

// Pick chooses the next chunk to ask peer for and assigns it to it. It is
// false if there is nothing for this peer now, which may change with every
// other call.
//
// Its work is bounded: maxDeadlines deadlines; then probeBudget chunks and as
// many levels as chunks differ in their number of peers; then, if that found
// nothing, one word for each 64 chunks of the file, and this not again before a
// chunk becomes free or the peer has a new one; then the peers, and three times
// searchBudget of their assignments.
func (p *Picker) Pick(peer Peer) (Pick, bool) {
	q := p.sources[peer]
	if q == nil || p.remaining == 0 {
		return Pick{}, false
	}
	if c, late := p.urgent(q); c != none {
		if p.asked.shared(c) {
			return p.steal(q, late), true
		}
		return p.give(q, c, Urgent, nil), true
	}
	if c := p.fresh(q); c != none {
		p.picked++
		return p.give(q, c, Fresh, nil), true
	}
	if at := p.loot(q); at != none {
		return p.steal(q, at), true
	}
	if at := p.late(q); at != none {
		return p.give(q, p.asked.slots[at].chunk, Duplicate, nil), true
	}
	if at := p.stuck(q); at != none {
		return p.steal(q, at), true
	}
	return Pick{}, false
}

// steal takes an assignment over for q.
func (p *Picker) steal(q *source, at int32) Pick {
	c, robbed := p.asked.slots[at].chunk, p.asked.slots[at].peer
	p.asked.drop(at)
	return p.give(q, c, Steal, robbed)
}

// give assigns c to q.
func (p *Picker) give(q *source, c int32, kind Kind, robbed *source) Pick {
	p.asked.assign(q, c, robbed)
	p.settle(c)
	q.next = (c + 1) % p.size
	pick := Pick{Chunk: int(c), Kind: kind}
	if robbed != nil {
		pick.From = robbed.peer
	}
	return pick
}
