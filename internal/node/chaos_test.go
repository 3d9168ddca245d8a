package node

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// Here whole nodes are put through what a seed says, beside the simulation of
// internal/testnet/sim, which has only their deciding parts: real are everything in this
// package, the stores, journals and catalogues; the network is memnet, the clock
// that of testing/synctest, and the chunks lie in a file system whose power can be
// cut (crashfs).
//
// What happens when is a function of the seed alone (draw). What comes of it is not: how
// the goroutines of one instant take turns is the scheduler's choice, so a seed that
// fails may pass the next time, and one that passes has not met all there is.

var (
	chaosSeeds = flag.Int("chaos.seeds", 30, "how many seeds TestChaos runs")
	chaosFirst = flag.Uint64("chaos.first", 0, "the first of them")
)

// Whatever happens to whole nodes, an acknowledged file lies on two disks, nobody reads
// other bytes than were added, a power cut takes back nothing that counted, status
// says safe only when it is, and in the end all comes right.
func TestChaos(t *testing.T) {
	var all tally
	t.Run("seeds", func(t *testing.T) {
		for i := range *chaosSeeds {
			seed := *chaosFirst + uint64(i)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { all.add(runChaos(t, seed)) })
			})
		}
	})
	t.Logf("%d seeds: %s", *chaosSeeds, all.String())
	if *chaosSeeds < 30 {
		return
	}
	for _, what := range []string{acks, reads, cuts, safes, rots, wipes, heals} {
		if all.counts[what] == 0 {
			t.Errorf("there were no %s in %d seeds", what, *chaosSeeds)
		}
	}
}

// runChaos runs one seed, and counts what there was to check.
func runChaos(t *testing.T, seed uint64) map[string]int {
	c := newChaos(t, draw(seed))
	c.found()
	for _, s := range c.steps {
		c.act(s)
		if c.ended() {
			break
		}
	}
	c.settle()
	c.shut()
	if c.broken != nil {
		t.Errorf("seed %d: %v\n%s\nagain: make chaos SEEDS=1 FIRST=%d (-count=20, if it passes then)", seed, c.broken, strings.Join(c.trace, "\n"), seed)
	} else {
		t.Logf("seed %d: %v\n%s", seed, c.counts, strings.Join(c.trace, "\n"))
	}
	return c.counts
}

// The same seed gives the same schedule, and in those of CI there is all that can
// happen.
func TestScheduleFollowsFromTheSeed(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(30) {
		if diff := cmp.Diff(draw(seed), draw(seed), cmp.AllowUnexported(schedule{}, step{})); diff != "" {
			t.Errorf("seed %d, drawn twice:\n%s", seed, diff)
		}
		for _, s := range draw(seed).steps {
			seen[s.what] = true
		}
	}
	for _, a := range actions() {
		if !seen[a.name] {
			t.Errorf("nothing in 30 seeds is called %s", a.name)
		}
	}
}

// What is counted, to see that there was something to check.
const (
	acks  = "acknowledgements"
	reads = "reads"
	cuts  = "power cuts"
	safes = "times safe"
	rots  = "rotten chunks"
	wipes = "lost machines"
	heals = "copies made again"
)

// tally sums up what seeds that run side by side have counted.
type tally struct {
	mu     sync.Mutex // guards counts
	counts map[string]int
}

func (a *tally) add(counts map[string]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = make(map[string]int)
	}
	for what, n := range counts {
		a.counts[what] += n
	}
}

func (a *tally) String() string {
	var parts []string
	for what, n := range a.counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
