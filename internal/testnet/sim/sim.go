package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"shoal/internal/membership/roster"
	"shoal/internal/testnet/sim/flaw"
	"shoal/internal/testnet/sim/host"
)

// Config says how to run.
type Config struct {
	Flaw  flaw.Kind // what is wrong on purpose
	Tidy  bool      // wait in the end until nothing is left over
	Often []string  // the mischiefs that are to happen more often
}

// most is how many machines there are at most, over a whole run.
func (c Config) most() int { return 14 }

// files is how many files are added at most.
func (c Config) files() int { return 14 }

// Result is what came of a run.
type Result struct {
	Checked

	Digest uint64 // of everything that happened
	Trace  []string
	Nodes  int
	Moved  int // chunks that were fetched
}

// Checked is how often there was something to check.
type Checked struct {
	Acks, Deletes, Removals, Safes, Harms int
	Reads                                 int // of chunks
	Outages                               int // fetches while somebody did not count
	Forgeries                             int // that came to a node
	Restores                              int // of disks
}

// Add adds what was checked in another run.
func (c *Checked) Add(o Checked) {
	c.Acks, c.Deletes, c.Removals, c.Safes, c.Harms = c.Acks+o.Acks, c.Deletes+o.Deletes, c.Removals+o.Removals, c.Safes+o.Safes, c.Harms+o.Harms
	c.Reads, c.Outages, c.Forgeries, c.Restores = c.Reads+o.Reads, c.Outages+o.Outages, c.Forgeries+o.Forgeries, c.Restores+o.Restores
}

// The times of a run.
const (
	quiet   = 15 * time.Second // in which the first nodes find each other
	trouble = 300 * time.Second
)

// Run runs one seed: some nodes come together, for five minutes anything may
// happen to them and be done to them, and then nothing does, and all must come
// right. The error is the first invariant that did not hold.
func Run(seed uint64, cfg Config) (Result, error) {
	w := &world{
		cfg: cfg, said: make(map[string]bool), proven: make(map[string]bool), ordered: make(map[order]bool),
		well: make(map[[2]int]wellness), backups: make(map[int][]snapshot), gone: make(map[int]time.Duration),
	}
	w.Net = &host.Net{Flaw: cfg.Flaw, Random: rand.New(rand.NewPCG(seed, 1)), Blocked: make(map[[2]int]bool), Witness: w}
	w.Loss, w.Twice = w.Random.Float64()*0.1, w.Random.Float64()*0.3
	w.Delay = time.Duration(1 + w.Random.Int64N(int64(500*time.Millisecond)))
	w.found(3 + w.Random.IntN(6))
	w.run(quiet)
	for w.Broken == nil && w.Now() < quiet+trouble {
		w.happen()
		w.run(time.Duration(w.Random.Int64N(int64(6 * time.Second))))
	}
	w.settle()
	return Result{Checked: w.checked, Digest: w.Digest, Trace: w.Tail, Nodes: len(w.Nodes), Moved: w.Moved}, w.Broken
}

// found starts the first nodes.
func (w *world) found(n int) {
	founder := w.Add(nil)
	founder.Start()
	for range n - 1 {
		w.join()
	}
	w.After(time.Second, w.scrub)
	w.watch()
}

// watch checks now and then what must always hold.
func (w *world) watch() {
	w.kept()
	w.left()
	for _, m := range w.Nodes {
		w.within(m)
		w.meet(m)
		if int(w.Now()/time.Second+time.Duration(m.Index))%int(snapEvery/time.Second) == 0 {
			w.back(m)
		}
		if p := m.Process; p != nil {
			w.inOrder(p)
			w.unvoid(p)
			if (int(w.Now()/time.Second)+m.Index)%recallEvery == 0 {
				w.recalls(p)
			}
		}
	}
	w.After(time.Second, w.watch)
}

// settle ends all trouble, and waits until all is as it should be.
func (w *world) settle() {
	if w.Broken != nil {
		return
	}
	w.Note("from now on nothing goes wrong")
	w.heal()
	w.Loss, w.Twice = 0, 0
	for _, m := range w.Nodes {
		m.Allot(0)
		m.Lies = false
		switch {
		case m.Retired:
		case m.Process == nil:
			m.Start()
		case m.Frozen:
			m.Thaw()
		}
	}
	w.run(quiet)
	w.until(settleTime, "I3", func() error {
		for _, m := range w.Nodes { // a person takes those off the roster that are lost for good
			if m.Retired {
				w.set(m, roster.Removed)
			}
		}
		w.giveUp()
		w.advise()
		return w.converged()
	})
	if w.cfg.Tidy {
		w.until(tidyTime, "I6", w.tidy)
	}
}

// until waits for something to be so.
func (w *world) until(limit time.Duration, what string, so func() error) {
	for end := w.Now() + limit; w.Broken == nil; w.run(5 * time.Second) {
		err := so()
		if err == nil {
			return
		}
		if w.Now() >= end {
			w.Breach("%s: in %v it did not come right: %v", what, limit, err)
		}
	}
}

// giveUp removes the files that were never acknowledged and of which no copy of
// some chunk is left: nobody promised anything of them.
func (w *world) giveUp() {
	p := w.Nodes[0].Process
	for _, name := range host.SortedKeys(p.Names) {
		for _, head := range p.Names[name].Heads() {
			f := w.file(head.File)
			if f == nil || w.whole(f) || f.acked && !f.removed {
				continue
			}
			w.Note("f%d, which was never acknowledged, is given up", f.Index)
			w.replaced(p, name) // and what is in conflict with it
			p.Drop(name)
			break
		}
	}
}

// advise has a person who has given up the other half of the shoal say so to a node that
// waits for it: shoal doctor --moved.
func (w *world) advise() {
	for _, m := range w.Nodes {
		if p := m.Process; p != nil && !p.Ready && m.Moved && w.Now() > p.Started+time.Minute {
			w.Note("%s is told that its folder was moved", m.Name())
			m.Kill()
			m.Moved = false
			m.Start()
		}
	}
}

// whole reports whether every chunk of a file is somewhere.
func (w *world) whole(f *file) bool {
	for chunk := range f.Chunks() {
		if w.copies(f, chunk, nil) == 0 {
			return false
		}
	}
	return true
}

// String is the result for a person.
func (r Result) String() string {
	return fmt.Sprintf("digest %016x, %d nodes, %d acks, %d deletes, %d removals, %d times safe, %d harms, %d reads, %d outages, %d forgeries, %d restores, %d chunks moved\n%s",
		r.Digest, r.Nodes, r.Acks, r.Deletes, r.Removals, r.Safes, r.Harms, r.Reads, r.Outages, r.Forgeries, r.Restores, r.Moved, strings.Join(r.Trace, "\n"))
}
