package batch

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
)

// A size that another node sent cannot make a cost beyond the bounds.
func TestCostIsBounded(t *testing.T) {
	for _, size := range []int64{math.MinInt64, -1, 0, 1, costlyBytes, costlyBytes + 1, 9_000_000_000_000_000_000, math.MaxInt64} {
		if cost := Cost(size); cost < 1 || cost > Width/4 {
			t.Errorf("%d bytes cost %d, want 1 to %d", size, cost, Width/4)
		}
	}
}

// An item that is cancelled before it begins is reported under its own number.
func TestCancelledItemsKeepTheirNumbers(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := map[int]error{}
	b := New(func(e shoal.Event) { failed[e.Item] = e.Err })
	b.Run(ctx, 0, Width, func() (shoal.Event, error) {
		<-ctx.Done()
		return shoal.Event{Item: 0}, context.Cause(ctx)
	})
	cancel(shoal.Interrupted)
	for item := 1; item < 4; item++ {
		b.Run(ctx, item, Width, func() (shoal.Event, error) { return shoal.Event{Item: item}, context.Cause(ctx) })
	}
	if err := b.Wait(); !errors.Is(err, shoal.Interrupted) {
		t.Errorf("the batch ended with %v", err)
	}
	for item := range 4 {
		if !errors.Is(failed[item], shoal.Interrupted) {
			t.Errorf("item %d ended with %v", item, failed[item])
		}
	}
}

// The error of a batch is the failure itself if nothing succeeded, else Partial.
func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		errs []error
		want error
	}{
		{[]error{nil, nil}, nil},
		{[]error{shoal.NotFound}, shoal.NotFound},
		{[]error{shoal.NotFound, shoal.NoSpace}, shoal.NotFound},
		{[]error{nil, shoal.NoSpace}, shoal.Partial},
	} {
		b, seq := New(nil), uint64(0)
		b.watch = func(e shoal.Event) {
			if seq++; e.Seq != seq || (e.Err == nil) != (e.Type == shoal.EventDone) {
				t.Errorf("event %d is %+v", seq, e)
			}
		}
		for _, err := range c.errs {
			b.End(shoal.Event{}, err)
		}
		if err := b.Wait(); !errors.Is(err, c.want) || errors.Is(c.want, shoal.Partial) && errors.Is(err, shoal.NoSpace) {
			t.Errorf("%v is %v, want %v", c.errs, err, c.want)
		}
	}
}

// Progress is reported at most once in progressEvery.
func TestProgressIsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int64
		progress := NewEvents(func(e shoal.Event) { told = append(told, e.Done) }).Progress(shoal.Event{Name: "a"})
		for done := range int64(10) {
			progress(done, 10)
			<-time.After(progressEvery / 2)
		}
		if len(told) != 4 || told[0] != 2 {
			t.Errorf("progress was told of %v bytes, want of 2, 4, 6 and 8", told)
		}
	})
}
