package serve

import (
	"testing"
	"time"

	"shoal/internal/transfer"
)

// resettable is a stream that knows whether it was reset.
type resettable struct {
	transfer.Stream
	reset bool
}

func (r *resettable) Reset() { r.reset = true }

// Slow peers lose what they hold when that is half of all, and not before; who
// takes enough loses nothing.
func TestEvictionIsForThoseWhoHoldMuch(t *testing.T) {
	for name, tc := range map[string]struct {
		slow, quick int // answers of a sixteenth of the memory
		evicted     bool
	}{
		"one slow":        {1, 15, false},
		"seven slow":      {7, 9, false},
		"eight slow":      {8, 8, true},
		"all slow":        {16, 0, true},
		"nobody is":       {0, 16, false},
		"room is left":    {2, 2, false},
		"all that is had": {8, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, start := newMemory(), time.Unix(0, 0)
			begin := func(n, took int) []*resettable {
				streams := make([]*resettable, n)
				for i := range streams {
					streams[i] = new(resettable)
					a := &answer{stream: streams[i], bytes: BufferBytes / 16}
					a.begins(start)
					a.took(took, start.Add(time.Second))
					a.begins(start.Add(time.Hour)) // we kept it waiting, not it us
					m.begin(a)
				}
				return streams
			}
			now := start.Add(time.Hour).Add(FloorAfter)
			slow, quick := begin(tc.slow, FloorRate), begin(tc.quick, 7*FloorRate)
			m.evict(now)
			for _, s := range slow {
				if s.reset != tc.evicted {
					t.Errorf("a slow one was evicted: %t", s.reset)
				}
			}
			for _, s := range quick {
				if s.reset {
					t.Error("a quick one was evicted")
				}
			}
		})
	}
}
