package memnet

import (
	"math/rand/v2"
	"sync"
	"time"
)

// line is one direction between two hosts, with all that crosses it.
type line struct {
	mu      sync.Mutex // guards the rest
	link    Link
	free    time.Time     // when the last byte given to it has left
	changed chan struct{} // closed and replaced when link changes
	random  *rand.Rand
}

func (l *line) shape(link Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = link
	close(l.changed)
	l.changed = make(chan struct{})
}

// state tells whether anything arrives now, and when that may have changed.
func (l *line) state() (down bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link.Down, l.changed
}

// carry takes bytes at a time and says when they arrive, as what, and whether
// the connection breaks behind them. It may take fewer than it is given.
func (l *line) carry(data []byte, now time.Time) (arrived []byte, at time.Time, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := l.link.CutAfter; left > 0 {
		cut = int64(len(data)) >= left
		data = data[:min(int64(len(data)), left)]
		if l.link.CutAfter -= int64(len(data)); cut {
			l.link.CutAfter = 0
		}
	}
	arrived = append([]byte(nil), data...)
	if len(arrived) > 0 && l.link.Corrupt > 0 && l.random.Float64() < l.link.Corrupt {
		arrived[l.random.IntN(len(arrived))] ^= 1 << l.random.IntN(8)
	}
	if l.free.Before(now) {
		l.free = now
	}
	if l.link.Bandwidth > 0 {
		l.free = l.free.Add(time.Duration(float64(len(data)) / float64(l.link.Bandwidth) * float64(time.Second)))
	}
	return arrived, l.free.Add(l.link.Delay), cut
}
