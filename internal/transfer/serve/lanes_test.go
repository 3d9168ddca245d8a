package serve

import (
	"testing"
	"time"
)

// send has the background send units of bytes until it has to wait, and gives
// how many bytes that were.
func (l *lanes) send(now time.Time, unit int) (sent int) {
	for l.background(now, unit) == 0 {
		sent += unit
	}
	return sent
}

func TestBackgroundIsFreeWhenNobodyReads(t *testing.T) {
	l, now := newLanes(0), time.Unix(100, 0)
	for range 1000 {
		if wait := l.background(now, 1<<20); wait != 0 {
			t.Fatalf("waits %v though nobody reads", wait)
		}
	}
	l.foreground(now, 1<<20)
	if wait := l.background(now.Add(calm), 1<<20); wait != 0 {
		t.Errorf("waits %v when the reader has been still for %v", wait, calm)
	}
}

// While somebody reads fast, the background gets its share of that, in the long
// run, and on top what the floor gives.
func TestBackgroundShare(t *testing.T) {
	for _, test := range []struct {
		name   string
		reads  int   // bytes of foreground each 10 ms
		limit  int64 // of upload
		lo, hi int   // bytes a second of background
	}{
		{"fast reader", 4 << 20, 0, FloorBackground + 90<<20, FloorBackground + 110<<20},
		{"slow reader", 10 << 10, 0, FloorBackground, FloorBackground + 2<<20},
		{"limited node", 10 << 10, 1 << 20, 256 << 10, 2 << 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, now := newLanes(test.limit), time.Unix(100, 0)
			const seconds = 10
			sent := 0
			for range seconds * 100 {
				l.foreground(now, test.reads)
				sent += l.send(now, 64<<10)
				now = now.Add(10 * time.Millisecond)
			}
			if rate := sent / seconds; rate < test.lo || rate > test.hi {
				t.Errorf("the background got %d bytes a second, want %d to %d", rate, test.lo, test.hi)
			}
		})
	}
}

// A large chunk is sent ahead of its credit, and waited for afterwards: else it
// would never be its turn.
func TestBackgroundIsNeverStuck(t *testing.T) {
	l, now := newLanes(0), time.Unix(100, 0)
	l.foreground(now, 1)
	if wait := l.background(now, 32<<20); wait != 0 {
		t.Fatalf("waits %v for the first", wait)
	}
	waited := time.Duration(0)
	for {
		l.foreground(now, 1)
		wait := l.background(now, 32<<20)
		if wait == 0 {
			break
		}
		wait = min(wait, calm/2) // the reader goes on
		now, waited = now.Add(wait), waited+wait
		if waited > 10*time.Second {
			t.Fatalf("has waited %v for a chunk", waited)
		}
	}
	if waited < 2*time.Second {
		t.Errorf("waited %v, want what the floor takes for 32 MiB", waited)
	}
}
