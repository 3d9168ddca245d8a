package picker_test

import (
	"time"

	"shoal/internal/transfer/picker"
)

// frame is how much of a chunk the peer sends at once.
const frame = 64 << 10

// link is a peer behind a link, simulated: it answers requests in order, at
// rate bytes a second, and each direction takes half of the latency. The
// window is kept as full as it allows.
type link struct {
	window  *picker.Window
	unit    int
	rate    float64
	latency time.Duration
	idle    bool // nothing more is asked for

	now      time.Time
	busy     time.Time // until then the peer sends what it has been asked for
	coming   []delivery
	received int
}

type delivery struct {
	at    time.Time
	bytes int
}

func newLink(rate float64, latency time.Duration, unit int) *link {
	return &link{
		window:  picker.NewWindow(picker.WindowConfig{Unit: unit, Max: 4 << 30}),
		unit:    unit,
		rate:    rate,
		latency: latency,
		now:     time.Unix(0, 0),
	}
}

// run simulates for d and returns the bytes that came.
func (l *link) run(d time.Duration) int {
	end, before := l.now.Add(d), l.received
	for l.ask(); len(l.coming) > 0 && !l.coming[0].at.After(end); l.ask() {
		next := l.coming[0]
		l.coming = l.coming[1:]
		l.now = next.at
		l.received += next.bytes
		l.window.Received(l.now, next.bytes)
	}
	l.now = end
	return l.received - before
}

// ask fills the window.
func (l *link) ask() {
	for !l.idle && l.window.Outstanding()+l.unit <= l.window.Limit() {
		l.window.Sent(l.now, l.unit)
		if there := l.now.Add(l.latency / 2); there.After(l.busy) {
			l.busy = there
		}
		for rest := l.unit; rest > 0; rest -= frame {
			bytes := min(rest, frame)
			l.busy = l.busy.Add(seconds(float64(bytes) / l.rate))
			l.coming = append(l.coming, delivery{l.busy.Add(l.latency / 2), bytes})
		}
	}
}

// utilisation is the share of what the link can carry that came in d.
func (l *link) utilisation(d time.Duration) float64 {
	return float64(l.run(d)) / (l.rate * d.Seconds())
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
