// Package sim is a whole shoal in virtual time. The machines that decide (failure
// detector, roster, gossip, merging of names, who counts, who should hold what, what may
// be deleted, what status says) are the real ones; network, disks and clocks are
// models that lose, delay, reorder, freeze, rot and jump as a seed says. After
// every step, and at the instant of every delete, what must hold is checked
// against what is true, which only the simulation can see.
//
// The same seed gives the same run, to the last byte.
package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"shoal/internal/testnet/vtime"
)

// world is all machines and what is between them.
type world struct {
	vtime.Clock
	cfg    Config
	random *rand.Rand
	nodes  []*machine
	files  []*file

	loss, twice float64       // shares of messages that are lost, and that come twice
	delay       time.Duration // the most that a message takes; the least is a tenth
	blocked     map[[2]int]bool

	harmed  time.Duration // when a copy was last destroyed
	exposed time.Duration // when rot was last found
	healed  time.Duration // when the network was last whole again
	checked Checked
	said    map[string]bool // the batches that their authors have signed
	proven  map[string]bool // the batches whose signatures were looked at, and whether they are right
	ordered map[order]bool  // what somebody who may has decided of a node
	leaving []*machine      // expelled, but not all know it

	tail   []string // the last lines of the trace
	digest uint64   // of all of it
	broken error    // the first invariant that did not hold
	moved  int      // chunks that were fetched
}

// run lets time pass, until something is broken.
func (w *world) run(d time.Duration) {
	for until := w.Now() + d; w.broken == nil && w.Step(until); {
	}
}

// tailLines is how much of the trace is kept for who reads of a failure.
const tailLines = 80

// note writes a line of the trace.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%8.3fs  ", w.Now().Seconds()) + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%x %s", w.digest, line) // a hash takes everything
	w.digest = h.Sum64()
	if len(w.tail) == tailLines {
		w.tail = w.tail[1:]
	}
	w.tail = append(w.tail, line)
}

// breach says that an invariant does not hold.
func (w *world) breach(format string, args ...any) {
	if w.broken == nil {
		w.note("BREACH "+format, args...)
		w.broken = fmt.Errorf("after %v: "+format, append([]any{w.Now()}, args...)...)
	}
}

// latency is how long one message takes.
func (w *world) latency() time.Duration {
	return w.delay/10 + time.Duration(w.random.Int64N(int64(w.delay)))
}

// chance reports whether something happens that does so in a share of cases.
func (w *world) chance(share float64) bool { return w.random.Float64() < share }

// severed reports whether two machines cannot speak with each other both ways.
func (w *world) severed(a, b *machine) bool {
	return w.blocked[[2]int{a.index, b.index}] || w.blocked[[2]int{b.index, a.index}]
}

// send has a process of a machine do something, as a message from another would.
// It may get lost, come late, or twice; it comes to nothing if the process that
// it is for is not the one that runs then, or they are not connected.
func (w *world) send(from, to *machine, do func(*process)) {
	times := 1
	if w.chance(w.twice) {
		times = 2
	}
	for range times {
		if w.chance(w.loss) {
			continue
		}
		p := to.process
		w.After(w.latency(), func() {
			if p != nil && to.process == p && from.conns[to.index] && !w.blocked[[2]int{from.index, to.index}] && p.allows(from.id) {
				p.hand(func() { do(p) })
			}
		})
	}
}
