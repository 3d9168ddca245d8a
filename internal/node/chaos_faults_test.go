package node

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/vfs/crashfs"
)

// blackOut cuts the power of all machines at once.
func (c *chaos) blackOut(_ *machine, s step) {
	c.mu.Lock()
	all := c.machines
	c.mu.Unlock()
	for i, m := range all {
		c.cutPower(m, s.roll+uint64(i))
	}
}

func (c *chaos) start(m *machine, _ step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.node == nil && !m.changing && !m.lost && !m.out {
		c.begin(m)
	}
}

// part cuts the network, as the dice say: between two groups or two machines, one way
// or both, with connections that break at once or are silent at first.
func (c *chaos) part(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.parted) > 0 || time.Since(c.troubled) < time.Second && c.silent {
		return
	}
	oneWay, single, group := s.roll&3 == 0, s.roll>>2&3 == 0, s.roll>>8
	other := int(s.roll >> 40 % uint64(len(c.machines)))
	c.silent = s.roll>>4&1 == 0
	for a := range c.machines {
		for b := range c.machines {
			if a != b && (single && a == m.index && b == other || !single && group>>a&1 == 1 && group>>b&1 == 0) {
				c.parted[[2]int{a, b}] = true
				if !oneWay {
					c.parted[[2]int{b, a}] = true
				}
			}
		}
	}
	if len(c.parted) == 0 {
		return
	}
	c.note("the network is cut: one way %v, silent %v: %v", oneWay, c.silent, slices.Collect(maps.Keys(c.parted)))
	c.cutAt, c.troubled = time.Now(), time.Now()
	c.shape()
	if !c.silent {
		c.sever()
	}
}

// fill leaves a disk with little room, or none.
func (c *chaos) fill(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := int64(s.roll % (1 << 20))
	if s.roll>>32&1 == 0 {
		room += layout.Reserve
	}
	c.note("the disk of %v has room for %d bytes", m, room)
	m.disk.SetFree(room)
}

func (c *chaos) empty(m *machine, _ step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.disk.SetFree(math.MaxInt64)
	m.capacity = ""
}

// shrink has a node started again with a small allotment, or if it has one, with a
// large one.
func (c *chaos) shrink(m *machine, s step) {
	c.stop(m)
	c.mu.Lock()
	if m.capacity == "" {
		m.capacity = fmt.Sprintf("%dKiB", 500+s.roll%2000)
	} else {
		m.capacity = ""
	}
	c.note("%v may have %q", m, m.capacity)
	c.mu.Unlock()
	c.start(m, s)
}

// bearable reports whether copies may be destroyed: none were lately, so that
// somebody may still count on them, or the ones that were are not made again. So at
// most copies - 1 are lost at a time, which is what a shoal promises to bear. The caller
// holds mu.
func (c *chaos) bearable() bool {
	if !c.harmed.IsZero() && time.Since(c.harmed) < lately {
		return false
	}
	for _, f := range c.files {
		if f.acked && len(f.harmed) > 0 {
			return false
		}
	}
	return true
}

// rot changes a byte of a chunk on the disk of a machine that is off.
func (c *chaos) rot(m *machine, s step) {
	c.mu.Lock()
	off := m.node == nil && !m.changing
	c.mu.Unlock()
	if !off {
		c.cutPower(m, s.roll)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.changing || m.node != nil || !c.bearable() {
		return
	}
	f := c.pick(s, func(f *victim) bool { return f.acked && c.own(m, f).Count() > 0 && f.Size > layout.SmallFile })
	if f == nil {
		return
	}
	for chunk := range c.own(m, f).All {
		if _, right := c.stored(f, chunk, m); right == 0 {
			continue
		}
		if !c.right(m, f, chunk) {
			c.breach("chunk %d of %v counts at %v, and its bytes are wrong", chunk, f, m)
			return
		}
		if err := m.disk.Corrupt(filepath.Join(m.dir, datadir.Store, f.blob()), f.ChunkOffset(chunk)+int64(s.roll%uint64(f.ChunkLen(chunk)))); err != nil {
			c.breach("chunk %d of %v at %v cannot rot: %v", chunk, f, m, err)
			return
		}
		c.note("chunk %d of %v rots at %v", chunk, f, m)
		c.harm(f, chunk)
		c.counts[rots]++
		return
	}
}

// lose loses a machine with its disk, if of all it has there are other copies, and
// no names that only it knows. Another takes its place.
func (c *chaos) lose(m *machine, s step) {
	c.mu.Lock()
	fits := m.index > 0 && m.node != nil && !m.leaving && c.bearable() && len(c.parted) == 0 && c.keepers() > 2
	for _, f := range c.files {
		for chunk := range f.Chunks() {
			if _, right := c.stored(f, chunk, m); f.acked && right == 0 {
				fits = false
			}
		}
	}
	c.mu.Unlock()
	if !fits {
		return
	}
	c.cutPower(m, s.roll)
	c.mu.Lock()
	for _, f := range c.files {
		for chunk := range c.own(m, f).All {
			c.harm(f, chunk)
		}
	}
	c.note("%v is lost with its disk", m)
	c.counts[wipes]++
	m.lost, m.disk = true, crashfs.New()
	err := os.RemoveAll(m.dir)
	if err != nil {
		c.breach("%v", err)
	}
	c.mu.Unlock()
	c.join()
}

// keepers is how many nodes keep chunks, or will. The caller holds mu.
func (c *chaos) keepers() (n int) {
	for _, m := range c.machines {
		if !m.lost && !m.out && !m.drains && !m.away {
			n++
		}
	}
	return n
}

// expel has the founder take the machines that are lost off the roster. It must have heard
// all that others know of their words: what they said is void else. The caller
// holds mu.
func (c *chaos) expel() {
	founder := c.machines[0].node
	for _, m := range c.machines {
		if founder == nil || !m.lost || m.out {
			continue
		}
		_, err := founder.SetNode(c.Context(), string(m.id), shoal.NodeChange{State: "removed", Force: true})
		c.note("%v is off the roster: %v", m, err)
		if err == nil {
			m.out = true
		}
	}
}

// join adds a machine, which the founder lets in.
func (c *chaos) join() {
	c.mu.Lock()
	defer c.mu.Unlock()
	here := 0
	for _, m := range c.machines {
		if !m.lost && !m.out {
			here++
		}
	}
	founder := c.machines[0].node
	if founder == nil || here >= mostNodes {
		return
	}
	made, err := founder.Invite(c.Context(), shoal.InviteRequest{})
	if err != nil {
		c.note("nobody is let in: %v", err)
		return
	}
	m := c.machine()
	c.note("%v joins", m)
	m.ticket = made.Ticket
	c.begin(m)
}
