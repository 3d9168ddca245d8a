package fetch

import (
	"errors"
	"sync/atomic"
	"time"

	"shoal/internal/transfer/picker"
)

// What a source must give for the memory that the chunks it owes us hold. Else
// a few that give a byte now and then would hold all of it, for ever.
const (
	// FloorRate is the least, in bytes a second, while others wait for memory.
	FloorRate = 64 << 10

	// FloorAfter is how long a source has to show it.
	FloorAfter = 5 * time.Second

	// CrawlRate is the least at any time: who gives less for picker.SnubAfter
	// counts as silent.
	CrawlRate = 1 << 10
)

// counter counts the bytes that a link received, and says whether it is reading
// at all.
type counter struct {
	received atomic.Int64
	waiting  atomic.Bool // for memory: that nothing comes is our doing
}

// holding is memory that a link was given, and what it has made of it.
type holding struct {
	since time.Time // zero: it holds none
	from  int64     // of the bytes received by its link
	bytes int       // of memory
}

// hold begins to watch what a link does with the memory of a chunk, or nil.
func (c *counter) hold(now time.Time, a *assembly) holding {
	if a == nil {
		return holding{}
	}
	return holding{since: now, from: c.received.Load(), bytes: len(a.buf.Bytes)}
}

// below reports whether the link has held the memory for a time and received
// less than rate, in bytes a second.
func (h holding) below(rate float64, after time.Duration, c *counter, now time.Time) bool {
	held := now.Sub(h.since)
	return !h.since.IsZero() && held >= after && float64(c.received.Load()-h.from) < rate*held.Seconds()
}

// crawls reports whether the open chunk comes in so slowly that it may as well
// not come at all.
func (k *link) crawls(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open.below(CrawlRate, picker.SnubAfter, &k.count, now)
}

// moves reports whether the open chunk comes in faster than that.
func (k *link) moves(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.open.since.IsZero() && !k.open.below(CrawlRate, 0, &k.count, now)
}

// hoarded is how many bytes of memory the link holds without giving enough for
// them. One that itself waits for memory, behind what it holds, is given longer.
func (k *link) hoarded(now time.Time) int {
	after := FloorAfter
	if k.count.waiting.Load() {
		after = silentFor
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := 0
	if k.open.below(FloorRate, after, &k.count, now) {
		sum += k.open.bytes
	}
	for _, r := range k.asked {
		if r.assembly != nil && r.held.below(FloorRate, after, &k.count, now) {
			sum += r.held.bytes
		}
	}
	return sum
}

// closes notes that no chunk of the link's is open.
func (k *link) closes() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open = holding{}
}

// countHoard tells the engine how much memory is held to no purpose here: by
// slow sources, and by half chunks that nobody goes on with.
func (l *loop) countHoard() {
	sum := 0
	for _, src := range l.sources.order {
		if src.stage == stageLive {
			sum += src.link.hoarded(l.now)
		}
	}
	for _, half := range l.orphans {
		sum += len(half.buf.Bytes)
	}
	l.engine.hoarded.Add(int64(sum - l.hoarded))
	l.hoarded = sum
}

// evict takes memory back that is hoarded, if others wait for some and half of
// it is: to be slow alone harms nobody.
func (l *loop) evict() {
	l.countHoard()
	if l.hoarded == 0 || !l.engine.buffers.Wanted() || 2*l.engine.hoarded.Load() <= l.engine.buffers.Budget() {
		return
	}
	for _, half := range l.orphans {
		l.waste(half)
	}
	for _, src := range l.sources.order {
		if src.stage == stageLive && src.link.hoarded(l.now) > 0 {
			link := src.link
			l.lose(src, errHoards, stageLost)
			link.stream.Reset() // at once: to say goodbye may take a while
		}
	}
}

var errHoards = errors.New("it is too slow while memory is short")
