package serve

import (
	"context"
	"sync"
	"time"
)

// What is served in the background gives way to what somebody waits for.
const (
	// calm is how long after the last foreground byte the background has the
	// node to itself again.
	calm = 200 * time.Millisecond

	// backgroundShare: while somebody reads, the background gets one byte for
	// each so many of theirs,
	backgroundShare = 4

	// or FloorBackground bytes a second, if that is more: a reader on a slow link
	// is not hindered by it, and a terabyte is copied within 30 hours.
	FloorBackground = 10 << 20

	// maxCredit bounds what is saved up for the background: a chunk.
	maxCredit = 32 << 20
)

// lanes decides when the background may send.
type lanes struct {
	floor int64 // bytes a second

	mu     sync.Mutex // guards the rest
	busyTo time.Time  // somebody reads, up to then
	credit int64      // bytes that the background may send; less than 0 if it has sent ahead
	filled time.Time  // when the floor was last added to it
}

func newLanes(uploadLimit int64) *lanes {
	floor := int64(FloorBackground)
	if uploadLimit > 0 {
		floor = max(min(floor, uploadLimit/backgroundShare), 1)
	}
	return &lanes{floor: floor}
}

// foreground notes that bytes are being sent to somebody who waits for them.
func (l *lanes) foreground(now time.Time, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fill(now); !now.Before(l.busyTo) {
		l.credit = 0 // what was sent, or not, while nobody read does not count
	}
	l.busyTo = now.Add(calm)
	l.credit = min(l.credit+int64(bytes/backgroundShare), maxCredit)
}

// background asks to send bytes: at once, for which they are noted as sent, if
// wait is 0; else it is to be asked again after wait at the latest.
func (l *lanes) background(now time.Time, bytes int) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(now)
	switch {
	case !now.Before(l.busyTo):
		return 0
	case l.credit >= 0:
		l.credit -= int64(bytes)
		return 0
	}
	short := time.Duration(float64(-l.credit) / float64(l.floor) * float64(time.Second))
	return max(min(short, l.busyTo.Sub(now)), time.Millisecond)
}

// fill adds what the floor gives. The caller holds mu.
func (l *lanes) fill(now time.Time) {
	if since := now.Sub(l.filled); since > 0 {
		l.credit = min(l.credit+int64(float64(l.floor)*min(since.Seconds(), 60)), maxCredit)
		l.filled = now
	}
}

// giveWay waits until the background may send bytes.
func (l *lanes) giveWay(ctx context.Context, bytes int) error {
	for {
		wait := l.background(time.Now(), bytes)
		if wait == 0 {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
