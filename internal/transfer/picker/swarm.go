package picker

import "shoal/internal/content"

// Join adds a peer with the chunks it has. One that has every chunk costs
// O(1); another at most as many steps as half the file has chunks, whichever
// is fewer, those it has or those it lacks. A handle that is in use is taken
// from the peer that has it, as by Leave.
func (p *Picker) Join(peer Peer, have content.Bitmap) {
	p.Leave(peer)
	q := newSource(peer, int(p.size), have)
	q.next = p.start()
	p.sources[peer] = q
	p.roster = append(p.roster, q)
	if q.have == nil {
		p.rarity.base++
		return
	}
	if q.count <= int(p.size)/2 {
		for c := range q.have.all {
			p.rarity.raise(c)
		}
		return
	}
	p.rarity.base++
	for c := range q.have.complement(int(p.size)).all {
		p.rarity.lower(c)
	}
}

// start is where a new peer begins its first run: at random, so that those who
// download from the same peer begin at different chunks.
func (p *Picker) start() int32 {
	if p.size == 0 {
		return 0
	}
	return p.random.Int32N(p.size)
}

// Leave removes a peer. What it had assigned is free again, unless another has
// it assigned too. It costs what Join costs, for what the peer has by now.
func (p *Picker) Leave(peer Peer) {
	q := p.sources[peer]
	if q == nil {
		return
	}
	for at := q.head; at != none; at = q.head {
		c := p.asked.slots[at].chunk
		p.asked.drop(at)
		p.settle(c)
	}
	p.forget(q)
	switch {
	case q.have == nil:
		p.rarity.base--
	case q.count <= int(p.size)/2:
		for c := range q.have.all {
			p.rarity.lower(c)
		}
	default:
		p.rarity.base--
		for c := range q.have.complement(int(p.size)).all {
			p.rarity.raise(c)
		}
	}
}

// Have says that peer has one chunk more. It is idempotent.
func (p *Picker) Have(peer Peer, chunk int) {
	q := p.sources[peer]
	c, ok := p.chunk(chunk)
	if q == nil || !ok || q.has(c) {
		return
	}
	q.have.set(c)
	q.count++
	p.rarity.raise(c)
	if q.dry == p.freed && p.free.has(c) {
		q.dry, q.next = 0, c // the one chunk it can be picked: look here first
	}
	if q.count == int(p.size) {
		q.have = nil
	}
}

// Lost says that peer does not have a chunk it was thought to have. It is not
// asked for it again until Have; if it was assigned to it, it is no longer.
func (p *Picker) Lost(peer Peer, chunk int) {
	q := p.sources[peer]
	c, ok := p.chunk(chunk)
	if q == nil || !ok || !q.has(c) {
		return
	}
	if q.have == nil {
		q.have = fullBitset(int(p.size))
	}
	q.have.clear(c)
	q.count--
	p.rarity.lower(c)
	p.drop(q, c)
	p.settle(c)
}

// SetRate says how fast a peer delivers now, as Window.Rate measures it. It
// should be called when something comes, and by a timer too: without that the
// rate of a silent peer stays what it was, and its last chunks are not asked of
// others before it is snubbed. Zero is not known, which is what a peer joins
// with: it does not steal, and nothing is stolen from it or asked for twice.
func (p *Picker) SetRate(peer Peer, bytesPerSecond float64) {
	q := p.sources[peer]
	if q == nil {
		return
	}
	q.rate = 0
	if bytesPerSecond > 0 { // and not NaN
		q.rate = bytesPerSecond
	}
}
