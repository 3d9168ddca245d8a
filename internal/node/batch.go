package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"shoal"
)

// A call works on several files at a time: on many small ones, for each waits
// for the disk and the network most of the time, and on few large ones.
const (
	batchWidth  = 48      // and each may have a stream to one peer, which takes 64
	costlyBytes = 4 << 20 // a file of this size takes a quarter of the width
)

func batchCost(size int64) int64 {
	return 1 + min(max(size, 0), costlyBytes)*(batchWidth/4-1)/costlyBytes
}

// batch runs the items of one call and gathers how they ended.
type batch struct {
	emit  *emitter
	width *semaphore.Weighted

	mu     sync.Mutex // guards the rest
	done   int
	failed int
	first  error
}

func newBatch(watch func(shoal.Event)) *batch {
	return &batch{emit: newEmitter(watch), width: semaphore.NewWeighted(batchWidth)}
}

// run does something for an item when there is room, started in order. It
// returns once that has started; wait, once all has ended.
func (b *batch) run(ctx context.Context, wg *sync.WaitGroup, item int, cost int64, do func() (shoal.Event, error)) {
	if err := b.width.Acquire(ctx, cost); err != nil {
		b.end(shoal.Event{Item: item}, context.Cause(ctx))
		return
	}
	wg.Go(func() {
		defer b.width.Release(cost)
		b.end(do())
	})
}

// end tells how an item ended.
func (b *batch) end(event shoal.Event, err error) {
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
	b.emit.emit(event)
}

// result is the call's own error.
func (b *batch) result() error {
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
