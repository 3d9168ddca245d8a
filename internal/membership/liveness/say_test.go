package liveness_test

import (
	"testing"
	"time"

	"shoal/internal/membership/liveness"
)

// In a small shoal what a node says of itself is with all others within two
// ticks and a message, however lately it has said something else.
func TestFewHearAtOnce(t *testing.T) {
	const n = 16
	tick := liveness.DefaultInterval / 5
	s := newScale(t, n)
	s.Run(20 * time.Second)
	s.speaker = s.nodes[3]
	for said := range uint64(5) {
		clear(s.told)
		s.hand(s.speaker, liveness.Say{Own: liveness.Own{Full: true, Free: said}})
		s.Run(2*tick + s.delay)
		if len(s.told) != n-1 {
			t.Errorf("after word %d: %d of %d have heard it", said, len(s.told), n-1)
		}
	}
}
