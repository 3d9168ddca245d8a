package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"shoal/internal/catalog/merge"
	"shoal/internal/content"
	"shoal/internal/membership/roster"
	"shoal/internal/redundancy/safety"
)

// Config says how to run.
type Config struct {
	Flaw  Flaw     // what is wrong on purpose
	Tidy  bool     // wait in the end until nothing is left over
	Often []string // the mischiefs that are to happen more often
}

// Flaw is a mistake in what nodes decide, by which the simulation is tested: it
// must find each.
type Flaw string

// The flaws.
const (
	NoFlaw     Flaw = ""
	Credulous  Flaw = "deletes without pledges"
	Optimistic Flaw = "takes the other nodes' accounts for what they should be"
	Boastful   Flaw = "counts itself though it keeps nothing"
	Drowsy     Flaw = "believes what it knew before it stood still"
	Hurried    Flaw = "counts the copies of those who have not heard of the name"
	Clinging   Flaw = "keeps what a revoked node said last"
	Gullible   Flaw = "takes bytes without a look at them"
	Hasty      Flaw = "counts nobody who has been away for a moment"
	Muddled    Flaw = "keeps the versions of a name in the order in which they came"
	Greedy     Flaw = "stores what it has no room for"
	Trusting   Flaw = "takes batches that nobody has signed"
	Open       Flaw = "hears those who are not on the roster"
	Impatient  Flaw = "deletes at once what nobody has named"
	Hoarding   Flaw = "never deletes what nobody has named"
	Careless   Flaw = "deletes what is being added again"
	Laden      Flaw = "keeps chunks on nodes that drain"
	Forgetful  Flaw = "forgets to ask what it said"
)

// pledged is another node's pledge as this node understands it.
func (c Config) pledged(pledge content.Bitmap) content.Bitmap {
	if c.Flaw == Credulous {
		return content.FullBitmap(pledge.Len())
	}
	return pledge
}

// delay is how long somebody must have been down before others take over.
func (c Config) delay() time.Duration {
	if c.Flaw == Hasty {
		return 0
	}
	return RepairDelay
}

// lease is how long a file without a name is kept.
func (c Config) lease() time.Duration {
	if c.Flaw == Impatient {
		return 0
	}
	return Trash
}

// enter adds a version to a name.
func (c Config) enter(n merge.Name, v merge.Version) merge.Name {
	if c.Flaw == Muddled && !slices.ContainsFunc(n, func(w merge.Version) bool { return w.Dot == v.Dot }) {
		return append(slices.Clone(n), v)
	}
	return merge.NameOf(append(slices.Clone(n), v)...)
}

// stores reports whether a node should hold chunks for others.
func (c Config) stores(n roster.Node) bool {
	return n.Stores() || c.Flaw == Laden && n.Role >= roster.Member && n.State == roster.Draining && n.Allotment > 0
}

// heard is how far others must have heard of a node, for their copies to count.
func (c Config) heard(upto uint64) uint64 {
	if c.Flaw == Hurried {
		return 0
	}
	return upto
}

// believe is a node's knowledge as its status understands it.
func (c Config) believe(s safety.Shoal) safety.Shoal {
	s.Keeps = s.Keeps || c.Flaw == Boastful
	s.Asleep = s.Asleep && c.Flaw != Drowsy
	for i := range s.Others {
		if c.Flaw == Optimistic {
			s.Others[i].Known, s.Others[i].Account = true, safety.Account{Map: s.Own.Map, Log: s.Own.Log, Done: true}
		}
	}
	return s
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
	w := &world{cfg: cfg, random: rand.New(rand.NewPCG(seed, 1)), blocked: make(map[[2]int]bool), said: make(map[string]bool), proven: make(map[string]bool), ordered: make(map[order]bool)}
	w.loss, w.twice = w.random.Float64()*0.1, w.random.Float64()*0.3
	w.delay = time.Duration(1 + w.random.Int64N(int64(500*time.Millisecond)))
	w.found(3 + w.random.IntN(6))
	w.run(quiet)
	for w.broken == nil && w.Now() < quiet+trouble {
		w.happen()
		w.run(time.Duration(w.random.Int64N(int64(6 * time.Second))))
	}
	w.settle()
	return Result{Checked: w.checked, Digest: w.digest, Trace: w.tail, Nodes: len(w.nodes), Moved: w.moved}, w.broken
}

// found starts the first nodes.
func (w *world) found(n int) {
	founder := w.add(nil)
	founder.start()
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
	for _, m := range w.nodes {
		w.within(m)
		m.meet()
		if int(w.Now()/time.Second+time.Duration(m.index))%int(snapEvery/time.Second) == 0 {
			m.back()
		}
		if p := m.process; p != nil {
			w.inOrder(p)
			if (int(w.Now()/time.Second)+m.index)%recallEvery == 0 {
				p.recalls()
			}
		}
	}
	w.After(time.Second, w.watch)
}

// settle ends all trouble, and waits until all is as it should be.
func (w *world) settle() {
	if w.broken != nil {
		return
	}
	w.note("from now on nothing goes wrong")
	w.heal()
	w.loss, w.twice = 0, 0
	for _, m := range w.nodes {
		m.allot(0)
		m.lies = false
		switch {
		case m.retired:
		case m.process == nil:
			m.start()
		case m.frozen:
			m.thaw()
		}
	}
	w.run(quiet)
	w.until(settleTime, "I3", func() error {
		for _, m := range w.nodes { // a person takes those off the roster that are lost for good
			if m.retired {
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
	for end := w.Now() + limit; w.broken == nil; w.run(5 * time.Second) {
		err := so()
		if err == nil {
			return
		}
		if w.Now() >= end {
			w.breach("%s: in %v it did not come right: %v", what, limit, err)
		}
	}
}

// giveUp removes the files that were never acknowledged and of which no copy of
// some chunk is left: nobody promised anything of them.
func (w *world) giveUp() {
	p := w.nodes[0].process
	for _, name := range sortedKeys(p.names) {
		for _, head := range p.names[name].Heads() {
			f := w.file(head.File)
			if f == nil || w.whole(f) || f.acked && !f.removed {
				continue
			}
			w.note("f%d, which was never acknowledged, is given up", f.index)
			w.replaced(p, name) // and what is in conflict with it
			p.drop(name)
			break
		}
	}
}

// whole reports whether every chunk of a file is somewhere.
func (w *world) whole(f *file) bool {
	for chunk := range f.chunks {
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
