package picker

const (
	// randomPicks is how many chunks of a transfer are picked at random before
	// the rarest: at the start rarity says little, and who picks the rarest
	// waits for the one peer that has it (libtorrent, initial_picker_threshold).
	randomPicks = 4
	// probesPerLevel is how many chunks of a level are tried for one that the
	// peer has. A level of no more chunks is searched whole; in a larger one a
	// peer that has a quarter of it is passed over once in a hundred picks.
	probesPerLevel = 16
	// probeBudget is how many chunks are tried in all levels together.
	probeBudget = 64
	// sweepChoices is of how many chunks the rarest is taken when probing failed.
	sweepChoices = 32
)

// fresh returns a free chunk that q has, or none: one of the rarest it has,
// and among those the one after its last pick, else a random one. So what a
// peer is asked for is mostly contiguous, which disks and networks like, while
// runs begin at different places.
func (p *Picker) fresh(q *source) int32 {
	if p.freeCount == 0 || q.dry == p.freed {
		return none
	}
	if p.picked < randomPicks {
		return p.orDry(q, p.sweep(q, p.start(), 1))
	}
	if c := p.probe(q); c != none {
		return c
	}
	return p.orDry(q, p.sweep(q, q.next, sweepChoices))
}

// orDry notes that there is nothing free for q, if that is what was found.
func (p *Picker) orDry(q *source, found int32) int32 {
	if found == none {
		q.dry = p.freed
	}
	return found
}

// probe tries a few chunks of each level, from the rarest on.
func (p *Picker) probe(q *source) int32 {
	run := -1
	if p.free.has(q.next) && q.has(q.next) {
		run = p.rarity.level(q.next)
	}
	budget := probeBudget
	for i := p.rarity.first(); i < len(p.rarity.levels) && budget > 0; i++ {
		if i == run {
			return q.next
		}
		free := p.rarity.freeAt(i)
		tries := min(len(free), probesPerLevel, budget)
		if c := p.probeLevel(q, free, tries); c != none {
			return c
		}
		budget -= tries
	}
	return none
}

func (p *Picker) probeLevel(q *source, free []int32, tries int) int32 {
	if tries == 0 {
		return none
	}
	size := uint32(len(free))
	at := p.random.Uint32N(size)
	for range tries {
		if c := free[at]; q.has(c) {
			return c
		}
		if at++; tries < len(free) { // too many to try all: anywhere else
			at = p.random.Uint32N(size)
		} else if at == size {
			at = 0
		}
	}
	return none
}

// sweep goes through all free chunks that q has, from a chunk to the end and
// from the start to that chunk, and returns the rarest of the first few.
func (p *Picker) sweep(q *source, from int32, choices int) int32 {
	best := p.sweepRange(q, none, from, p.size, &choices)
	return p.sweepRange(q, best, 0, from, &choices)
}

func (p *Picker) sweepRange(q *source, best, from, to int32, choices *int) int32 {
	for *choices > 0 {
		c := p.free.next(q.have, from, to)
		if c == none {
			break
		}
		if best == none || p.rarity.count[c] < p.rarity.count[best] {
			best = c
		}
		from = c + 1
		*choices--
	}
	return best
}
