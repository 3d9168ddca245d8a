package node

import (
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/network/memnet"
)

// A node that falls silent is down after as long as was asked for, and an
// interval or two for the word to go round.
func TestDownAfter(t *testing.T) {
	for _, want := range []time.Duration{MinDownAfter, 0, 40 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.DownAfter = want })
			if want == 0 {
				want = 10 * time.Second
			}
			silent, others := w.nodes[4:], w.nodes[:4]
			w.shape(others, silent, memnet.Link{Delay: linkDelay, Down: true})
			began := time.Now()
			w.await("it is down for all", func() bool { return w.apart(silent, others) })
			if took := time.Since(began); took < want-2*time.Second || took > want+3*time.Second {
				t.Errorf("it was down after %v, want about %v", took, want)
			}
		})
	}
}
