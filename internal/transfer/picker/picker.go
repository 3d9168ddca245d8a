// Package picker decides which chunk is asked of which peer next, and how much
// may be asked of a peer at once: rarest first, deadlines, stealing from the
// slow, a bounded endgame, a request window. It does nothing itself: no I/O,
// no goroutine, no lock, no clock, and the same calls with the same seed give
// the same picks.
package picker

import (
	"math/rand/v2"
	"slices"

	"shoal/internal/content"
)

// Peer is a handle for a source of chunks, given by the caller. It must not be
// that of another peer which has joined and not left.
type Peer int

// Config is what a Picker must know of its transfer.
type Config struct {
	// Chunks is how many the file has, at most content.MaxChunks.
	Chunks int
	// Wanted is the chunks to fetch. Others are never picked, until Want.
	Wanted content.Bitmap
	// ChunkBytes is how long a chunk is. With it, a chunk is not taken over or
	// asked for twice that will soon come anyway; zero does not look at that.
	ChunkBytes int
	// Seed decides every random choice.
	Seed uint64
}

// Picker assigns the chunks of one transfer to peers. One goroutine owns it.
//
// A chunk is needed when it is wanted and not done; it is free when it is
// needed and not assigned to any peer. Chunks and peers
// that do not exist are ignored by every method, so that what a peer says can
// be passed on as it comes.
//
// It takes about 16 bytes for each chunk, and an eighth of a byte for each
// chunk and peer that does not have the whole file.
type Picker struct {
	size    int32
	unit    float64 // bytes of a chunk; zero if not known
	random  *rand.Rand
	sources map[Peer]*source
	roster  []*source // in the order they joined, so that loops over it repeat

	wanted, done bitset
	remaining    int

	free      bitset
	freeCount int
	freed     uint64 // how often a chunk has become free
	picked    int    // how many free chunks have been picked, rarest or not

	rarity    rarity
	asked     ledger
	deadlines []int32
}

// New returns a picker without peers.
func New(cfg Config) *Picker {
	p := &Picker{
		unit:    float64(cfg.ChunkBytes),
		size:    int32(cfg.Chunks),
		random:  rand.New(rand.NewPCG(cfg.Seed, 0)),
		sources: make(map[Peer]*source),
		wanted:  newBitset(cfg.Chunks),
		done:    newBitset(cfg.Chunks),
		free:    newBitset(cfg.Chunks),
		freed:   1,
		rarity:  newRarity(cfg.Chunks),
		asked:   newLedger(cfg.Chunks),
	}
	for c := range cfg.Wanted.All {
		p.Want(c)
	}
	return p
}

// Want adds a chunk to those wanted. A chunk that is done stays done.
func (p *Picker) Want(chunk int) {
	c, ok := p.chunk(chunk)
	if !ok || p.wanted.has(c) {
		return
	}
	p.wanted.set(c)
	p.remaining++
	p.settle(c)
}

// Done says that a chunk is verified and kept: it is never picked again. It
// returns the peers that still have it assigned, at most two, to cancel it
// there; the one it came from is among them unless Release was called for it. From then on none of them has it assigned.
func (p *Picker) Done(chunk int) []Peer {
	c, ok := p.chunk(chunk)
	if !ok {
		return nil
	}
	if p.needed(c) {
		p.remaining--
	}
	p.wanted.set(c)
	p.done.set(c)
	var others []Peer
	for at := p.asked.holds[c]; at != none; at = p.asked.holds[c] {
		others = append(others, p.asked.slots[at].peer.peer)
		p.asked.drop(at)
	}
	p.settle(c)
	return others
}

// Release says that a request failed, was refused or was cancelled. The chunk
// is free again if no other peer has it assigned. It does nothing if peer does
// not have it assigned, as after it was stolen.
func (p *Picker) Release(peer Peer, chunk int) {
	c, ok := p.chunk(chunk)
	if !ok {
		return
	}
	p.drop(p.sources[peer], c)
	p.settle(c)
}

// Remaining is the number of chunks that are wanted and not done.
func (p *Picker) Remaining() int { return p.remaining }

// Assigned is the number of chunks assigned to peer.
func (p *Picker) Assigned(peer Peer) int {
	if q := p.sources[peer]; q != nil {
		return q.assigned
	}
	return 0
}

// chunk converts a chunk of the caller, who may have it from a peer.
func (p *Picker) chunk(chunk int) (int32, bool) {
	return int32(chunk), chunk >= 0 && chunk < int(p.size)
}

func (p *Picker) needed(c int32) bool { return p.wanted.has(c) && !p.done.has(c) }

// drop ends q's assignment of c, if there is one.
func (p *Picker) drop(q *source, c int32) {
	if q == nil {
		return
	}
	if at := p.asked.find(q, c); at != none {
		p.asked.drop(at)
	}
}

// settle makes the set of free chunks true again for c, after anything that
// may have changed it.
func (p *Picker) settle(c int32) {
	free := p.needed(c) && p.asked.holds[c] == none
	switch was := p.free.has(c); {
	case free && !was:
		p.free.set(c)
		p.freeCount++
		p.freed++
		p.rarity.free(c)
	case was && !free:
		p.free.clear(c)
		p.freeCount--
		p.rarity.take(c)
	}
}

// forget removes q from the roster.
func (p *Picker) forget(q *source) {
	delete(p.sources, q.peer)
	i := slices.Index(p.roster, q)
	p.roster = slices.Delete(p.roster, i, i+1)
}
