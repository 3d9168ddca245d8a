package node

import (
	"sync/atomic"
	"testing"
	"time"

	"shoal"
)

// batches counts what all have said, as far as this node remembers.
func (n *Node) batches(t *testing.T) (count int) {
	t.Helper()
	for _, err := range n.journal.After(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	return count
}

// What was said of a name that is long gone is forgotten: not before it is a month
// old, and not within an hour of the start.
func TestJournalIsCompacted(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var ahead atomic.Int64
		n := alone(t, func(c *Config) {
			c.clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		path, _ := write(t, 1, 1000)
		n.add(t, path, "gone")
		if _, err := n.Remove(t.Context(), shoal.RemoveRequest{Ref: "gone"}); err != nil {
			t.Fatal(err)
		}
		n.add(t, path, "kept") // the last batch of an author is never forgotten
		all := n.batches(t)
		for _, step := range []struct {
			uptime time.Duration
			ahead  time.Duration
			want   int
		}{
			{2 * time.Hour, 0, all},
			{10 * time.Minute, 31 * 24 * time.Hour, all},
			{4 * time.Hour, 31 * 24 * time.Hour, all - 2},
		} {
			ahead.Store(int64(step.ahead))
			if err := n.steward.compact(t.Context(), step.uptime); err != nil {
				t.Fatal(err)
			}
			if got := n.batches(t); got != step.want {
				t.Errorf("after %v, %v later: %d batches, want %d", step.uptime, step.ahead, got, step.want)
			}
		}
	})
}
