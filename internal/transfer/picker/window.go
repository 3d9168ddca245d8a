package picker

import "time"

// WindowConfig is what a Window must know of its transfer.
type WindowConfig struct {
	// Unit is the most bytes of one request, a chunk mostly; at least 1.
	Unit int
	// Max bounds what may be in flight, in bytes; zero means DefaultMaxWindow.
	// Two units are always allowed, so that a peer never waits for the next
	// request.
	Max int
	// Start is what may be in flight before anything is known of the peer; less
	// than two units count as two.
	Start int
}

const (
	// DefaultMaxWindow is for WindowConfig.Max: 10 Gb/s over 50 ms.
	DefaultMaxWindow = 64 << 20
	// ServiceMargin is for how long a peer has requests in hand beyond the
	// latency: it covers the jitter of the network and of the peer's disk.
	// libtorrent keeps requests for three seconds (request_queue_time); a short
	// queue leaves more to those who turn out to be faster.
	ServiceMargin = 50 * time.Millisecond
	// SnubAfter is how long a peer may owe us something and send nothing before
	// it is snubbed: libtorrent's piece_timeout. BEP 3 waits a minute.
	SnubAfter = 20 * time.Second

	minUnits = 2
	// A round is as long as it takes to receive what was in flight at its start,
	// and at least so long that a sample means something; and a slow peer is
	// sampled at the end of a round even if less arrived.
	minRound = 10 * time.Millisecond
	maxRound = 2 * time.Second
	// Slow start ends when the rate has not grown by a quarter for three rounds:
	// the test for a full pipe of BBR (draft-ietf-ccwg-bbr, 5.3.1.2).
	growth     = 1.25
	flatRounds = 3
	// smoothing is the weight of a new sample in the rate.
	smoothing = 0.25
	// When the rate falls below this share of the best since slow start, the
	// path is another one: the window starts again, and measures the latency
	// again. Else a longer latency would look like a slower peer, the window
	// would shrink, the rate with it, and so on down to nothing.
	restartShare = 0.5
)

// Window says how many bytes may be asked of one peer at once: enough to keep
// its link full, no more. It begins as it is told to and doubles with each
// window received while that makes the peer faster, as a TCP sender does with
// each window acknowledged (RFC 5681, 3.1); from then on it is what the peer
// delivers in its least latency and ServiceMargin, so that it grows and shrinks
// with the rate.
//
// TCP below avoids congestion; this window only decides how much is asked for.
// It reads no clock: now must not run backwards between calls. One goroutine
// owns it.
type Window struct {
	unit, max int64
	limit     int64
	starting  bool // in slow start

	sent, received int64     // bytes since the beginning; the rest is in flight
	heard          time.Time // when something came, or was asked of an idle peer

	rate    float64 // bytes a second, smoothed; zero: not known
	best    float64 // the highest rate since slow start began
	flat    int     // rounds of slow start in which best did not grow
	latency latency
	round   round
	drained int64 // how much must have been received before slow start begins
	snubbed bool
}

// NewWindow returns the window of a peer nothing is known of.
func NewWindow(cfg WindowConfig) *Window {
	unit := int64(max(1, cfg.Unit))
	most := int64(cfg.Max)
	if most == 0 {
		most = DefaultMaxWindow
	}
	w := &Window{unit: unit, max: max(most, minUnits*unit), starting: true}
	w.setLimit(int64(cfg.Start))
	return w
}

// Limit is how many bytes may be in flight: a request of n bytes may be sent
// while Outstanding()+n <= Limit(). It is at least two units, or one unit for a
// peer that is snubbed.
func (w *Window) Limit() int {
	if w.snubbed {
		return int(w.unit)
	}
	return int(w.limit)
}

// Outstanding is how many bytes are in flight.
func (w *Window) Outstanding() int { return int(w.sent - w.received) }

// Sent says that bytes have been asked for.
func (w *Window) Sent(now time.Time, bytes int) {
	if bytes <= 0 {
		return
	}
	if w.sent == w.received { // the peer was idle, and time stood still for it
		w.heard = now
		w.round = round{start: now, from: w.received, until: w.received + w.limit}
	}
	w.latency.sent(now, w.sent)
	w.sent += int64(bytes)
}

// Received says that bytes which had been asked for came, a whole chunk or a
// part of it. What was not asked for does not count.
func (w *Window) Received(now time.Time, bytes int) {
	bytes = min(bytes, w.Outstanding())
	if bytes <= 0 {
		return
	}
	if 2*(w.sent-w.received)+w.unit <= w.limit {
		w.round.starved = true
	}
	w.received += int64(bytes)
	w.heard = now
	w.latency.received(now, w.received)
	switch {
	case w.snubbed:
		w.restart()
	case w.starting && w.received > w.drained:
		w.setLimit(w.limit + int64(bytes))
	}
	if w.round.over(now, w.received) || w.sent == w.received {
		w.endRound(now)
	}
}

// Dropped says that bytes which had been asked for will not come: the request
// was refused or cancelled.
func (w *Window) Dropped(now time.Time, bytes int) {
	w.sent -= int64(max(0, min(bytes, w.Outstanding())))
	w.drained = min(w.drained, w.sent)
	w.latency.forget()
	w.round = round{start: now, from: w.received, until: w.received + w.limit, starved: true}
}

// Rate is what the peer delivers, in bytes a second; zero if that is not known
// yet. For one that has been silent for longer than its latency explains, it
// is what the silence proves: less than a unit in that time.
func (w *Window) Rate(now time.Time) float64 {
	silence := w.silence(now)
	if silence <= w.latency.least+2*ServiceMargin {
		return w.rate
	}
	proven := float64(w.unit) / silence.Seconds()
	if w.rate == 0 {
		return proven
	}
	return min(w.rate, proven)
}

// Snubbed reports whether the peer owes something and has sent nothing for
// SnubAfter. From then on it is asked for one unit at most, until something
// comes; then it starts again from the smallest window. What else was asked of
// it should be cancelled and given to others.
func (w *Window) Snubbed(now time.Time) bool {
	w.snubbed = w.snubbed || w.silence(now) >= SnubAfter
	return w.snubbed
}

// Excuse says that nothing was read of the peer for a while, up to now: that it
// was silent, or slow, was our doing.
func (w *Window) Excuse(now time.Time) {
	w.heard = now
	w.round.starved = true
}

// silence is for how long the peer has owed us something and sent nothing.
func (w *Window) silence(now time.Time) time.Duration {
	if w.sent == w.received {
		return 0
	}
	return now.Sub(w.heard)
}

// endRound takes the rate of the round that is over, decides what that means
// for the window, and begins another.
func (w *Window) endRound(now time.Time) {
	rate, starved := w.round.rate(now, w.received), w.round.starved
	w.round = round{start: now, from: w.received, until: w.sent}
	if starved && rate <= w.rate || w.received <= w.drained { // our fault, not the peer's
		return
	}
	if w.starting {
		w.grow(rate)
		return
	}
	w.rate += smoothing * (rate - w.rate)
	w.best = max(w.best, w.rate)
	if w.rate < restartShare*w.best {
		w.restart()
		return
	}
	w.fit()
}

// grow ends slow start when the pipe is full.
func (w *Window) grow(rate float64) {
	w.rate = rate
	if rate >= growth*w.best {
		w.best, w.flat = rate, 0
		return
	}
	if w.flat++; w.flat >= flatRounds || w.limit == w.max {
		w.starting = false
		w.best = rate
		w.fit()
	}
}

// fit sets the window to what the rate asks for. The unit more is the one that
// is coming in, which can be replaced only when it is complete.
func (w *Window) fit() {
	covered := w.latency.least + ServiceMargin
	w.setLimit(int64(w.rate*covered.Seconds()) + w.unit)
}

// restart begins slow start again from the smallest window, once what is in
// flight has come in: the latency of a short queue is that of the path.
func (w *Window) restart() {
	w.snubbed = false
	w.starting, w.best, w.flat = true, 0, 0
	w.latency = latency{}
	w.drained = w.sent
	w.setLimit(0)
}

// setLimit keeps the window in its bounds.
func (w *Window) setLimit(limit int64) { w.limit = min(max(limit, minUnits*w.unit), w.max) }
