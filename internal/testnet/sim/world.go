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
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// job is something that happens later.
type job struct {
	at    time.Duration
	order uint64
	do    func()
}

// agenda is what will happen, the next first.
type agenda struct {
	jobs  []job
	count uint64
}

func (a *agenda) Len() int { return len(a.jobs) }
func (a *agenda) Less(i, j int) bool {
	return a.jobs[i].at < a.jobs[j].at || a.jobs[i].at == a.jobs[j].at && a.jobs[i].order < a.jobs[j].order
}
func (a *agenda) Swap(i, j int) { a.jobs[i], a.jobs[j] = a.jobs[j], a.jobs[i] }
func (a *agenda) Push(x any)    { a.jobs = append(a.jobs, x.(job)) }
func (a *agenda) Pop() any {
	last := a.jobs[len(a.jobs)-1]
	a.jobs = a.jobs[:len(a.jobs)-1]
	return last
}

// world is all machines and what is between them.
type world struct {
	cfg    Config
	random *rand.Rand
	now    time.Duration
	agenda agenda
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

// after has something happen later.
func (w *world) after(d time.Duration, do func()) {
	w.agenda.count++
	heap.Push(&w.agenda, job{w.now + max(d, 0), w.agenda.count, do})
}

// run lets time pass, until something is broken.
func (w *world) run(d time.Duration) {
	until := w.now + d
	for w.broken == nil && len(w.agenda.jobs) > 0 && w.agenda.jobs[0].at <= until {
		next := heap.Pop(&w.agenda).(job)
		w.now = next.at
		next.do()
	}
	w.now = until
}

// tailLines is how much of the trace is kept for who reads of a failure.
const tailLines = 80

// note writes a line of the trace.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%8.3fs  ", w.now.Seconds()) + fmt.Sprintf(format, args...)
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
		w.broken = fmt.Errorf("after %v: "+format, append([]any{w.now}, args...)...)
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
		w.after(w.latency(), func() {
			if p != nil && to.process == p && from.conns[to.index] && !w.blocked[[2]int{from.index, to.index}] && p.allows(from.id) {
				p.hand(func() { do(p) })
			}
		})
	}
}
