package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"shoal"
	"shoal/internal/redundancy/safety"
)

// settle ends all trouble, and waits until all is as it should be.
func (c *chaos) settle() {
	c.calm()
	c.until("all see all", settleTime, c.allUp)
	c.running.Wait()
	pass(20 * time.Second) // in which the founder hears what the lost have said
	c.mu.Lock()
	c.expel()
	c.mu.Unlock()
	c.verify()
	c.until("all know the same names, and all is safe", settleTime, func() error {
		c.giveUp()
		return errors.Join(c.alike(), c.safe())
	})
	c.mu.Lock()
	c.kept()
	c.honest()
	c.promised()
	c.mu.Unlock()
	c.without()
	pass(trashTime)
	c.until("nothing is left over", tidyTime, func() error {
		err := c.tidy()
		if err != nil {
			err = errors.Join(err, c.hasten())
		}
		return err
	})
	c.idle()
	c.addMore()
	c.readAll()
	c.verify()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept()
	for _, f := range c.files {
		if len(f.harmed) > 0 && f.acked {
			c.breach("chunks of %v are not made again: %v", f, f.harmed)
		}
	}
}

// without has a node go off for good, as far as the others know, and waits until they
// have taken over what it had; then it comes back.
func (c *chaos) without() {
	c.mu.Lock()
	all := c.on()
	m := all[len(all)-1]
	few := c.keepers() < 3 || m.drains
	c.mu.Unlock()
	if few || c.ended() {
		return
	}
	c.cutPower(m, c.seed)
	c.mu.Lock()
	m.away = true
	c.mu.Unlock()
	c.until("the others have taken over", settleTime, func() error { return errors.Join(c.safe(), c.replaced(m)) })
	c.mu.Lock()
	m.away = false
	c.mu.Unlock()
	c.start(m, step{})
	c.running.Wait()
	c.until("all is safe with it", settleTime, func() error { return errors.Join(c.alike(), c.safe()) })
}

// replaced reports which file lacks copies without a machine. The caller holds mu.
func (c *chaos) replaced(m *machine) error {
	for _, id := range c.known(c.on()[0]) {
		f := c.file(id)
		for chunk := range f.Chunks() {
			if stored, _ := c.stored(f, chunk, m); stored < min(f.copies, c.keepers()) {
				return fmt.Errorf("chunk %d of %v has %d copies without %v%s", chunk, f, stored, m, c.whereabouts(f, chunk))
			}
		}
	}
	return nil
}

// calm takes back all that went wrong, but what was destroyed, and starts what is
// off.
func (c *chaos) calm() {
	c.mu.Lock()
	c.note("from now on nothing goes wrong")
	c.settling = true
	c.heal()
	c.mu.Unlock()
	c.running.Wait() // for what people are about
	for _, m := range c.machines {
		m.disk.SetFree(math.MaxInt64)
		if m.capacity != "" {
			m.capacity = ""
			c.stop(m)
		}
		c.start(m, step{})
		if m.index == 0 {
			c.running.Wait() // some may still have to be let in
		}
	}
	c.running.Wait()
}

// on is the machines that are. The caller holds mu.
func (c *chaos) on() (all []*machine) {
	for _, m := range c.machines {
		if m.node != nil && !m.out {
			all = append(all, m)
		}
	}
	return all
}

// verify has every node read all that it has.
func (c *chaos) verify() {
	for _, m := range c.machines {
		if m.node == nil || m.out {
			continue
		}
		ctx, cancel := context.WithTimeout(c.Context(), addLimit)
		report, err := m.node.Verify(ctx, "", nil)
		cancel()
		c.mu.Lock()
		c.note("%v verifies %d files, finds %d rotten, %d missing: %v", m, report.Files, len(report.Rotten), len(report.Missing), err)
		c.mu.Unlock()
	}
}

// giveUp removes the names of files of which no copy of some chunk is left: nobody
// promised anything of them. The caller holds mu.
func (c *chaos) giveUp() {
	for _, m := range c.on()[:1] {
		for name, id := range c.known(m) {
			f := c.file(id)
			if f == nil {
				c.breach("%s at %v is a file that nobody has added", name, m)
				continue
			}
			for chunk := range f.Chunks() {
				if stored, _ := c.stored(f, chunk, nil); stored == 0 && !f.acked {
					_, err := m.node.Remove(c.Context(), shoal.RemoveRequest{Ref: name})
					c.note("%v, which was never acknowledged, is given up: %v", f, err)
					break
				}
			}
		}
	}
}

// alike reports how the names differ that nodes know. The caller holds mu.
func (c *chaos) alike() error {
	all := c.on()
	first := c.known(all[0])
	for _, m := range all[1:] {
		if names := c.known(m); !maps.Equal(names, first) {
			return fmt.Errorf("%v knows %v, %v %v", all[0], first, m, names)
		}
	}
	return c.allUp()
}

// safe reports why not every node says that all is safe, or what else is right. The
// caller holds mu.
func (c *chaos) safe() error {
	want, names := safety.Empty, c.known(c.on()[0])
	if len(names) > 0 {
		want = safety.Safe
	}
	for _, id := range names {
		if f := c.file(id); f != nil && f.copies > c.keepers() {
			want = safety.Few
		}
	}
	for _, m := range c.on() {
		status, err := m.node.Status(c.Context())
		if err != nil || status.Safety.State != string(want) {
			return fmt.Errorf("%v says %q, which is not %s: %s, %w", m, status.Safety.State, want, status.Safety.Text, err)
		}
	}
	return nil
}

// promised checks that every acknowledged file has a name. The caller holds mu.
func (c *chaos) promised() {
	named := make(map[shoal.FileID]bool)
	for _, id := range c.known(c.on()[0]) {
		named[id] = true
	}
	for _, f := range c.files {
		if f.acked && !named[f.ID] {
			c.breach("%v, which was acknowledged, has no name", f)
		}
	}
}

// tidy reports what is on disks and should not be, or should and is not. The caller
// holds mu.
func (c *chaos) tidy() error {
	live := make(map[shoal.FileID]bool)
	for _, id := range c.known(c.on()[0]) {
		live[id] = true
	}
	for _, f := range c.files {
		least, most := f.copies, f.copies
		switch keepers := c.keepers(); {
		case !live[f.ID]:
			least, most = 0, 0
		case f.copies > keepers: // what is surplus stays until there are so many others
			least, most = keepers, len(c.machines)
		}
		for chunk := range f.Chunks() {
			if stored, _ := c.stored(f, chunk, nil); stored < least || stored > most {
				return fmt.Errorf("chunk %d of %v has %d copies, not %d to %d%s", chunk, f, stored, least, most, c.whereabouts(f, chunk))
			}
		}
	}
	return nil
}

// hasten has all nodes look at all files now, in seeds that do not wait for that.
func (c *chaos) hasten() (err error) {
	for _, m := range c.machines {
		if m.node != nil && !c.patient {
			err = errors.Join(err, m.node.Repair(c.Context()))
		}
	}
	return err
}

// idle waits until no node is about to copy or delete anything, by its own plan. One
// that had no room, and whose part others have, takes it when it next looks at all files.
func (c *chaos) idle() {
	for end := time.Now().Add(tidyTime); !c.ended(); pass(2 * time.Second) {
		err := error(nil)
		for _, m := range c.machines {
			if m.node == nil || m.out {
				continue
			}
			if moves, failed := m.node.Plan(c.Context(), 0); failed != nil || len(moves) > 0 {
				err = errors.Join(fmt.Errorf("%v is about to make %d moves: %v", m, len(moves), moves), failed)
			}
		}
		if err == nil {
			return
		}
		err = errors.Join(err, c.hasten())
		if time.Now().After(end) {
			c.mu.Lock()
			c.breach("in %v: %v", tidyTime, err)
			c.mu.Unlock()
		}
	}
}

// addMore adds a file at every node, which is as safe as it is to be soon after.
func (c *chaos) addMore() {
	for i, m := range c.machines {
		c.mu.Lock()
		if n := m.writer(); n != nil {
			f := c.write(c.seed + uint64(i))
			c.add(m, n, f, f.name)
			f.must = true
		}
		c.mu.Unlock()
		c.running.Wait()
	}
	c.until("all know the same names, and all is safe again", settleTime, func() error { return errors.Join(c.alike(), c.safe()) })
}

// readAll reads all files at all nodes.
func (c *chaos) readAll() {
	for _, m := range c.machines {
		if m.node == nil || m.out || c.ended() {
			continue
		}
		c.mu.Lock()
		names := c.known(m)
		c.mu.Unlock()
		for name, want := range names {
			ctx, cancel := context.WithTimeout(c.Context(), addLimit)
			id, data, err := look(ctx, m.node, name)
			cancel()
			c.mu.Lock()
			if err != nil || id != want {
				c.breach("in the end %s cannot be read at %v: %v", name, m, err)
			} else {
				c.compare(m, name, id, data)
			}
			c.mu.Unlock()
		}
	}
}

// shut ends all nodes in good order.
func (c *chaos) shut() {
	c.running.Wait()
	for _, m := range c.machines {
		c.stop(m)
	}
}
