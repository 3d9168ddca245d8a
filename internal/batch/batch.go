// Package batch runs the items of one request, several at a time, and reports how
// each ended: events in one numbered stream to the caller, and one error for the
// whole request.
//
// It does not know the work that an item stands for.
package batch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"shoal"
)

// A request works on several files at a time: on many small files, for each waits
// for the disk and the network most of the time, and on few large files.
const (
	// Width is the most items that run at once. Each may have a stream to one peer,
	// which takes 64.
	Width = 48

	costlyBytes = 4 << 20 // a file of this size takes a quarter of the width
)

// Cost returns the share of a batch that a file of size bytes takes, at least 1 and
// at most a quarter of the whole. size may be any number: another node may have sent it.
func Cost(size int64) int64 {
	return 1 + min(max(size, 0), costlyBytes)*(Width/4-1)/costlyBytes
}

// Batch runs the items of one request and gathers their outcomes. Its methods are
// safe for use by many goroutines, but Wait is called once, after the last Run.
type Batch struct {
	*Events
	width   *semaphore.Weighted
	running sync.WaitGroup

	mu     sync.Mutex // guards the rest
	done   int
	failed int
	first  error
}

// New returns an empty batch. watch is called with each event, one call at a time;
// it may be nil.
func New(watch func(shoal.Event)) *Batch {
	return &Batch{Events: NewEvents(watch), width: semaphore.NewWeighted(Width)}
}

// Run starts do for an item in a goroutine when there is room for its cost (see
// Cost), and returns once it has started or ctx has ended. The event that do
// returns is the item's last.
func (b *Batch) Run(ctx context.Context, item int, cost int64, do func() (shoal.Event, error)) {
	if err := b.width.Acquire(ctx, cost); err != nil {
		b.End(shoal.Event{Item: item}, context.Cause(ctx))
		return
	}
	b.running.Go(func() {
		defer b.width.Release(cost)
		b.End(do())
	})
}

// End reports the end of an item: done if err is nil, else failed.
func (b *Batch) End(event shoal.Event, err error) {
	event.Time = time.Now()
	event.Type = shoal.EventDone
	if err != nil {
		event.Type, event.Err = shoal.EventFailed, err
	}
	b.mu.Lock()
	if b.done++; err != nil {
		if b.failed++; b.first == nil {
			b.first = err
		}
	}
	b.mu.Unlock()
	b.Emit(event)
}

// Wait waits until all items have ended, and returns the request's error: nil if
// all succeeded, the first failure if all failed, else shoal.Partial.
func (b *Batch) Wait() error {
	b.running.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed == 0:
		return nil
	case b.failed == b.done:
		return b.first
	}
	return shoal.WithHint(
		fmt.Errorf("%d of %d files (the first: %w): %w", b.failed, b.done, opaque{b.first}, shoal.Partial),
		shoal.HintOf(b.first))
}

// opaque hides the code of an error, so that another one counts.
type opaque struct{ err error }

func (o opaque) Error() string { return o.err.Error() }
