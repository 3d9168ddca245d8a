package serve

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"shoal"
)

// A peer with many that wait gets every other turn, no more, when there is
// another; and all turns when there is none.
func TestPeersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		if err := turns.take(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		var order []shoal.NodeID
		for _, peer := range []shoal.NodeID{"many", "many", "many", "many", "few", "few"} {
			go func() {
				if err := turns.take(t.Context(), peer); err != nil {
					t.Error(err)
				}
				order = append(order, peer) // one at a time: that is what turns are
				turns.give()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- turns.take(ctx, "few") }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("left with %v", err)
		}
		turns.give()
		synctest.Wait()
		if want := []shoal.NodeID{"many", "few", "many", "few", "many", "many"}; !slices.Equal(order, want) {
			t.Errorf("turns went to %v, want %v", order, want)
		}
		if turns.free != 1 || len(turns.waiting) != 0 || len(turns.ring) != 0 {
			t.Errorf("at the end %d are free, %d wait", turns.free, len(turns.waiting))
		}
	})
}

// A turn that comes as its taker leaves is not lost.
func TestTurnIsPassedOnByWhoLeaves(t *testing.T) {
	turns := newTurns(1)
	if turns.queue("a") != nil {
		t.Fatal("no turn although one was free")
	}
	turn := turns.queue("b")
	turns.give()
	turns.leave("b", turn)
	if turns.free != 1 {
		t.Error("the turn is lost")
	}
}
