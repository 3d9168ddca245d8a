package node

import (
	"sync/atomic"
	"testing"
	"time"

	"shoal"
	"shoal/internal/redundancy/reconcile"
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

// What was said of a name that is long gone is forgotten, and not before it is a
// month old.
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
		pass(2 * reconcile.CompactEvery)
		if got := n.batches(t); got != all {
			t.Errorf("within a day %d of %d batches are forgotten", all-got, all)
		}
		ahead.Store(int64(31 * 24 * time.Hour))
		pass(2 * reconcile.CompactEvery)
		if got := n.batches(t); got != all-2 {
			t.Errorf("after a month there are %d batches, want %d", got, all-2)
		}
	})
}
