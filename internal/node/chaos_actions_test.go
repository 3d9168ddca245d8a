package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"shoal"
)

// action is something that happens to a shoal, or that a person does to it.
type action struct {
	name   string
	weight int
	do     func(*chaos, *machine, step)
}

// actions is all of it. Each is given a machine by the dice, and does nothing if
// it does not fit that one now.
func actions() []action {
	return []action{
		{"add", 24, (*chaos).someoneAdds},
		{"add again", 9, (*chaos).someoneAddsAgain},
		{"replace", 3, (*chaos).someoneReplaces},
		{"rename", 4, (*chaos).someoneRenames},
		{"remove", 5, (*chaos).someoneRemoves},
		{"undelete", 5, (*chaos).someoneUndeletes},
		{"read", 12, (*chaos).someoneReads},
		{"verify", 3, (*chaos).someoneVerifies},
		{"power cut", 8, func(c *chaos, m *machine, s step) { c.cutPower(m, s.roll) }},
		{"power cut for all", 1, (*chaos).blackOut},
		{"stop", 5, func(c *chaos, m *machine, _ step) { c.stop(m) }},
		{"start", 26, (*chaos).start},
		{"cut", 6, (*chaos).part},
		{"heal", 8, func(c *chaos, _ *machine, _ step) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.heal()
		}},
		{"disk full", 4, (*chaos).fill},
		{"room", 6, (*chaos).empty},
		{"small", 2, (*chaos).shrink},
		{"rot", 6, (*chaos).rot},
		{"lose", 4, (*chaos).lose},
		{"join", 4, func(c *chaos, _ *machine, _ step) { c.join() }},
		{"drain", 3, (*chaos).drain},
		{"activate", 4, (*chaos).activate},
		{"retire", 2, (*chaos).retire},
	}
}

// writer is the node of a machine at which somebody can write now; nil if nobody
// can. The caller holds mu, and takes one off writes when that is done.
func (m *machine) writer() *Node {
	if m.node == nil || m.leaving || m.out {
		return nil
	}
	m.writes++
	return m.node
}

// written ends what a person was about. It reports whether the node was there to
// the end: else nobody has heard the answer. The caller holds mu.
func (m *machine) written(n *Node) bool {
	m.writes--
	return m.node == n
}

// mostFiles is how many files are added.
const mostFiles = 14

func (c *chaos) someoneAdds(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.files) < mostFiles {
		if n := m.writer(); n != nil {
			f := c.write(s.roll)
			c.add(m, n, f, f.name)
		}
	}
}

// someoneAddsAgain has a person add a file that was removed, or add one under a
// second name.
func (c *chaos) someoneAddsAgain(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := func(f *victim) bool { return !f.acked && f.kept }
	if f := c.pick(s, gone, func(*victim) bool { return true }); f != nil {
		if n := m.writer(); n != nil {
			c.add(m, n, f, fmt.Sprintf("%v-again%d", f, s.roll%100))
		}
	}
}

// someoneReplaces has a person add a file under the name of another, which goes to
// the trash.
func (c *chaos) someoneReplaces(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.pick(s, func(f *victim) bool { return f.acked }); old != nil && len(c.files) < mostFiles {
		if n := m.writer(); n != nil {
			f := c.write(s.roll)
			c.forget(old.name, f)
			c.add(m, n, f, old.name)
		}
	}
}

// pick is a file by the dice, of those that are liked best if there are any. The
// caller holds mu.
func (c *chaos) pick(s step, likes ...func(*victim) bool) *victim {
	for _, like := range likes {
		var liked []*victim
		for _, f := range c.files {
			if like(f) {
				liked = append(liked, f)
			}
		}
		if len(liked) > 0 {
			return liked[s.file%len(liked)]
		}
	}
	return nil
}

// forget notes that a name is about to be removed, or given to another file: what
// had it need not be kept any more. The caller holds mu.
func (c *chaos) forget(name string, but *victim) {
	for f := range c.names[name] {
		if f != but {
			if f.removed = time.Now(); f.acked {
				f.kept = true
			}
			f.acked = false
		}
	}
}

// called notes that a file is given a name. The caller holds mu.
func (c *chaos) called(f *victim, name string) {
	if c.names[name] == nil {
		c.names[name] = make(map[*victim]bool)
	}
	c.names[name][f] = true
	f.name = name
}

// addLimit is how long somebody waits for two copies.
const addLimit = 90 * time.Second

// add has a person add a file. The caller holds mu.
func (c *chaos) add(m *machine, n *Node, f *victim, name string) {
	c.note("%v adds %v, %d bytes, as %s", m, f, f.Size, name)
	c.called(f, name)
	began := time.Now()
	req := shoal.AddRequest{Items: []shoal.AddItem{{Path: f.path, Name: name}}, Copies: f.copies, ChunkSize: chaosChunk, Wait: shoal.WaitSafe}
	c.do(addLimit, func(ctx context.Context) {
		err := n.Add(ctx, req, nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		there := m.written(n)
		c.note("%v has added %v, there %v: %v", m, f, there, err)
		switch {
		case err == nil && there && !f.removed.After(began):
			c.acknowledged(f, name, began)
		case err != nil && f.must:
			c.breach("%v cannot be added at %v: %v", f, m, err)
		}
	})
}

func (c *chaos) someoneRenames(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.pick(s, func(f *victim) bool { return f.acked })
	if f == nil {
		return
	}
	n := m.writer()
	if n == nil {
		return
	}
	old, name := f.name, fmt.Sprintf("%v-%d", f, s.roll%1000)
	c.names[name] = map[*victim]bool{f: true}
	c.do(addLimit, func(ctx context.Context) {
		_, err := n.Move(ctx, shoal.MoveRequest{Ref: old, Name: name})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.note("%v renames %s to %s: %v", m, old, name, err)
		if m.written(n); err == nil {
			c.called(f, name)
		}
	})
}

func (c *chaos) someoneRemoves(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.pick(s, func(f *victim) bool { return f.acked }, func(*victim) bool { return true })
	if f == nil {
		return
	}
	n := m.writer()
	if n == nil {
		return
	}
	name := f.name
	c.forget(name, nil)
	c.do(addLimit, func(ctx context.Context) {
		_, err := n.Remove(ctx, shoal.RemoveRequest{Ref: name})
		c.mu.Lock()
		defer c.mu.Unlock()
		m.written(n)
		c.note("%v removes %s: %v", m, name, err)
	})
}

// someoneUndeletes has a person have a file back soon after it was removed. If
// nothing else has happened meanwhile it is as safe as it was.
func (c *chaos) someoneUndeletes(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	soon := func(f *victim) bool { return !f.acked && time.Since(f.removed) < trashTime/3 }
	f := c.pick(s, func(f *victim) bool { return soon(f) && f.kept }, soon)
	if f == nil || len(c.parted) > 0 {
		return
	}
	n := m.writer()
	if n == nil {
		return
	}
	name, began := fmt.Sprintf("%v-back%d", f, s.roll%1000), time.Now()
	c.called(f, name)
	c.do(addLimit, func(ctx context.Context) {
		_, err := n.Undelete(ctx, shoal.UndeleteRequest{Ref: f.ID.String(), Name: name})
		if err == nil {
			<-time.After(5 * time.Second) // in which the others hear of it
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		there := m.written(n)
		c.note("%v has %v back as %s: %v", m, f, name, err)
		if err == nil && there && f.kept && f.removed.Before(began) && c.troubled.Before(f.removed) && len(c.parted) == 0 && c.allUp() == nil {
			f.acked = true
		}
	})
}

func (c *chaos) someoneReads(m *machine, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.pick(step{file: s.file}, func(f *victim) bool { return len(f.harmed) > 0 && s.roll%2 == 0 }, func(*victim) bool { return true })
	if f == nil || m.node == nil || m.out {
		return
	}
	n, name := m.node, f.name
	c.do(addLimit, func(ctx context.Context) {
		id, data, err := look(ctx, n, name)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.note("%v reads %s: %v", m, name, err)
		if err == nil {
			c.compare(m, name, id, data)
		}
	})
}

func closing(opened io.Closer, err error) error { return errors.Join(err, opened.Close()) }

func (c *chaos) someoneVerifies(m *machine, _ step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := m.node; n != nil && !m.out {
		c.do(addLimit, func(ctx context.Context) {
			report, err := n.Verify(ctx, "", nil)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.note("%v verifies %d files, finds %d rotten, %d missing: %v", m, report.Files, len(report.Rotten), len(report.Missing), err)
		})
	}
}
