package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/network/memnet"
)

// schedule is all that a seed says.
type schedule struct {
	seed      uint64
	nodes     int           // to begin with
	repair    time.Duration // Config.RepairDelay of all nodes, and so on
	trim      time.Duration
	scrub     time.Duration
	bandwidth int64 // bytes per second from node to node; 0 is without bound
	patient   bool  // whether what is left over in the end goes without being asked for
	steps     []step
}

// step is one thing that happens. Whom it happens to, and what exactly, its dice
// say.
type step struct {
	after time.Duration // the step before
	what  string
	node  int
	file  int
	roll  uint64
}

// The times of a run.
const (
	trouble    = 4 * time.Minute // in which things happen
	stepGap    = 5 * time.Second // from one to the next, at most
	trashTime  = 3 * time.Minute // Config.Trash of all nodes
	settleTime = 5 * time.Minute // in which all comes right after the trouble
	tidyTime   = 35 * time.Minute
	mostNodes  = 7
)

// draw draws a schedule. Equal seeds have equal ones.
func draw(seed uint64) schedule {
	r := rand.New(rand.NewPCG(seed, 10))
	pick := func(from ...time.Duration) time.Duration { return from[r.IntN(len(from))] }
	s := schedule{
		seed: seed, nodes: 3 + r.IntN(4),
		repair: pick(-1, 20*time.Second, time.Minute), trim: pick(2*time.Second, 10*time.Second, 40*time.Second), scrub: pick(0, 10*time.Minute),
		bandwidth: int64(pick(0, 256<<10, 4<<20)), patient: r.IntN(8) == 0,
	}
	total := 0
	for _, a := range actions() {
		total += a.weight
	}
	for at := time.Duration(0); at < trouble; {
		next := step{after: time.Duration(r.Int64N(int64(stepGap))), node: r.IntN(1 << 20), file: r.IntN(1 << 20), roll: r.Uint64()}
		dice := r.IntN(total)
		for _, a := range actions() {
			if dice -= a.weight; dice < 0 {
				next.what = a.name
				break
			}
		}
		at += next.after
		s.steps = append(s.steps, next)
	}
	return s
}

// chaos is whole nodes that go through what a seed says, and all that is true
// of them.
type chaos struct {
	schedule
	*testing.T
	net     *memnet.Net
	dir     string
	began   time.Time
	running sync.WaitGroup // what people and machines are doing

	// mu guards what is below, and that of every machine and file. No virtual
	// time passes while it is held.
	mu       sync.Mutex
	machines []*machine
	files    []*victim
	names    map[string]map[*victim]bool // all that a name was ever given to
	parted   map[[2]int]bool             // from one machine to another nothing arrives
	cutAt    time.Time                   // when that began
	silent   bool                        // connections over what is cut are still there
	troubled time.Time                   // when a machine, or the network, last changed
	harmed   time.Time                   // when copies were last destroyed
	settling bool                        // nothing more goes wrong
	trace    []string
	counts   map[string]int
	broken   error // the first thing that was not as it must be
}

func newChaos(t *testing.T, s schedule) *chaos {
	dir, err := os.MkdirTemp("/dev/shm", "shoal") //nolint:usetesting // the databases' syncs are not what is tested, and take most of the time on a disk
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return &chaos{
		schedule: s, T: t, net: memnet.New(s.seed), dir: dir, began: time.Now(),
		names: make(map[string]map[*victim]bool), parted: make(map[[2]int]bool), counts: make(map[string]int),
	}
}

// note writes a line of the trace. The caller holds mu.
func (c *chaos) note(format string, args ...any) {
	c.trace = append(c.trace, fmt.Sprintf("%8.3fs  ", time.Since(c.began).Seconds())+fmt.Sprintf(format, args...))
}

// breach says that something is not as it must be. The caller holds mu.
func (c *chaos) breach(format string, args ...any) {
	if c.broken == nil {
		c.note("BREACH "+format, args...)
		c.broken = fmt.Errorf("after %v: "+format, append([]any{time.Since(c.began)}, args...)...)
	}
}

// ended reports whether a breach ends the run.
func (c *chaos) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken != nil
}

// act lets time pass until a step is due, has it happen, and looks at what must
// hold.
func (c *chaos) act(s step) {
	pass(s.after)
	c.routine()
	for _, a := range actions() {
		if a.name == s.what {
			c.mu.Lock()
			m := c.machines[s.node%len(c.machines)]
			c.mu.Unlock()
			a.do(c, m, s)
		}
	}
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept()
	c.honest()
}

// found starts the first nodes, and waits until each sees all.
func (c *chaos) found() {
	c.mu.Lock()
	c.note("seed %d: %d nodes, repair after %v, trim after %v, scrub %v, %d bytes per second", c.seed, c.nodes, c.repair, c.trim, c.scrub, c.bandwidth)
	first := c.machine()
	c.begin(first)
	c.mu.Unlock()
	c.running.Wait()
	for range c.nodes - 1 {
		c.join()
		c.running.Wait()
	}
	c.until("all see all", settleTime, c.allUp)
}

// until waits for something to be so, which wrong says why it is not.
func (c *chaos) until(what string, limit time.Duration, wrong func() error) {
	for end := time.Now().Add(limit); !c.ended(); pass(2 * time.Second) {
		synctest.Wait()
		c.mu.Lock()
		err := wrong()
		if err != nil && time.Now().After(end) {
			c.breach("in %v it did not come about that %s: %v", limit, what, err)
		}
		c.mu.Unlock()
		if err == nil {
			return
		}
	}
}

// do has somebody do something that takes a while, but not for ever.
func (c *chaos) do(limit time.Duration, work func(ctx context.Context)) {
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(c.Context(), limit)
		defer cancel()
		work(ctx)
	})
}

// link is what the way from one machine to another is like. The caller holds mu.
func (c *chaos) link(from, to *machine) memnet.Link {
	return memnet.Link{
		Delay: linkDelay, Bandwidth: c.bandwidth,
		Down: from.dark || to.dark || c.parted[[2]int{from.index, to.index}],
	}
}

// shape makes all ways as they are to be. The caller holds mu.
func (c *chaos) shape() {
	for _, a := range c.machines {
		for _, b := range c.machines {
			if a != b && a.host != nil && b.host != nil {
				c.net.Shape(a.host, b.host, c.link(a, b))
			}
		}
	}
}

// sever breaks the connections over what is cut. The caller holds mu.
func (c *chaos) sever() {
	c.silent = false
	for pair := range c.parted {
		if a, b := c.machines[pair[0]].host, c.machines[pair[1]].host; a != nil && b != nil {
			c.net.Cut(a, b)
		}
	}
}

// heal ends all cuts. The caller holds mu.
func (c *chaos) heal() {
	if len(c.parted) > 0 {
		c.note("the network is whole again")
		c.troubled = time.Now()
	}
	clear(c.parted)
	c.shape()
}

// silence is how long a connection is kept over which nothing arrives: yamux and
// QUIC end it then.
const silence = time.Minute

// routine is what happens whatever the dice say.
func (c *chaos) routine() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.parted) > 0 && c.silent && time.Since(c.cutAt) > silence {
		c.sever()
	}
	if len(c.parted) > 0 && time.Since(c.cutAt) > trashTime/2 { // who is cut off for longer may delete what others have back
		c.heal()
	}
	if time.Since(c.troubled) > 20*time.Second && c.allUp() == nil {
		c.expel()
	}
}

// allUp reports why not every node finds that all are up. The caller holds mu.
func (c *chaos) allUp() error {
	for _, m := range c.machines {
		if m.out || m.lost {
			continue
		}
		if m.node == nil {
			return fmt.Errorf("%v is off", m)
		}
		all, err := m.node.Nodes(c.Context())
		if err != nil {
			return fmt.Errorf("%v: %w", m, err)
		}
		for _, o := range c.machines {
			if err := o.seen(all); err != nil && !o.lost {
				return fmt.Errorf("at %v %w", m, err)
			}
		}
	}
	return nil
}

// seen reports why a machine is not as it should be in a list of nodes. The caller
// holds mu.
func (m *machine) seen(all []shoal.Member) error {
	for _, n := range all {
		if n.ID != m.id {
			continue
		}
		if (n.State == "removed" || n.State == "revoked") != m.out {
			return fmt.Errorf("%v is %s", m, n.State)
		}
		if !m.out && n.Health != "up" && n.Health != "self" {
			return fmt.Errorf("%v is %s", m, n.Health)
		}
		return nil
	}
	if m.out {
		return nil // it was never let in
	}
	return fmt.Errorf("%v is not known", m)
}
