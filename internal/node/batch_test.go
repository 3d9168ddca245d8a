package node

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"shoal"
)

// A file of any size that someone told, in a link or otherwise, takes at least
// a place in a batch, and no more than there are.
func TestBatchCostIsWithinItsWidth(t *testing.T) {
	for _, size := range []int64{math.MinInt64, -1, 0, 1, costlyBytes, 9_000_000_000_000_000_000, math.MaxInt64} {
		if cost := batchCost(size); cost < 1 || cost > batchWidth {
			t.Errorf("a file of %d bytes costs %d of %d", size, cost, batchWidth)
		}
	}
}

// What is cancelled before it began is reported as the item that it was.
func TestCancelledItemsKeepTheirNumbers(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var mu sync.Mutex // guards failed
	failed := map[int]error{}
	b := newBatch(func(e shoal.Event) {
		mu.Lock()
		defer mu.Unlock()
		failed[e.Item] = e.Err
	})
	var wg sync.WaitGroup
	b.run(ctx, &wg, 0, batchWidth, func() (shoal.Event, error) {
		<-ctx.Done()
		return shoal.Event{Item: 0}, context.Cause(ctx)
	})
	cancel(shoal.Interrupted)
	for item := 1; item < 4; item++ {
		b.run(ctx, &wg, item, batchWidth, func() (shoal.Event, error) { return shoal.Event{Item: item}, context.Cause(ctx) })
	}
	wg.Wait()
	for item := range 4 {
		if !errors.Is(failed[item], shoal.Interrupted) {
			t.Errorf("item %d ended with %v", item, failed[item])
		}
	}
}

// A size that somebody told cannot make a cost that no batch can have.
func TestBatchCostIsBounded(t *testing.T) {
	for _, size := range []int64{math.MinInt64, -1, 0, 1, costlyBytes, costlyBytes + 1, 9_000_000_000_000_000_000, math.MaxInt64} {
		if cost := batchCost(size); cost < 1 || cost > batchWidth/4 {
			t.Errorf("%d bytes cost %d, want 1 to %d", size, cost, batchWidth/4)
		}
	}
}
