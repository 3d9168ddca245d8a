package liveness_test

import (
	"testing"
	"time"

	"shoal/internal/membership/liveness"
)

// TestMinorityKnows cuts a few nodes off from a shoal in which not all watch
// all. They must not take the silence of the rest for well-being, and all must
// agree again when they are back.
func TestMinorityKnows(t *testing.T) {
	const n, few = 80, 10
	s := newScale(t, n)
	s.Run(10 * time.Second)
	for i := range few {
		for j := few; j < n; j++ {
			s.blocked[[2]int{i, j}], s.blocked[[2]int{j, i}] = true, true
		}
	}
	s.Run(liveness.DefaultSuspect + 3*liveness.DefaultInterval)
	for _, node := range s.nodes[:few] {
		if alive := s.alive(node); 2*alive > n {
			t.Errorf("%s is cut off and calls %d of %d alive", node.id, alive, n)
		}
	}
	s.Run(40 * time.Second)
	for _, node := range s.nodes[few:] {
		if alive := s.alive(node); alive != n-few-1 {
			t.Errorf("%s calls %d alive, want %d", node.id, alive, n-few-1)
		}
	}
	clear(s.blocked)
	s.Run(40 * time.Second)
	for _, node := range s.nodes {
		if alive := s.alive(node); alive != n-1 {
			t.Errorf("%s calls %d alive after all, want %d", node.id, alive, n-1)
		}
	}
}

// alive is how many others a node calls alive.
func (s *scale) alive(n *node) (alive int) {
	for _, m := range n.detector.Members() {
		if m.State == liveness.Alive {
			alive++
		}
	}
	return alive
}
