package node

import (
	"context"
	"time"

	"shoal"
)

// set has the founder say something of a node, if both are there. The caller holds
// mu.
func (c *chaos) set(m *machine, state string) bool {
	founder := c.machines[0].node
	if founder == nil || m.index == 0 || m.id == "" || m.lost || m.out || m.leaving {
		return false
	}
	_, err := founder.SetNode(c.Context(), string(m.id), shoal.NodeChange{State: state})
	c.note("%v is %s now: %v", m, state, err)
	return err == nil
}

// drain has a node's chunks go to others, of which enough must be left.
func (c *chaos) drain(m *machine, _ step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keepers() > 3 && !m.drains && c.set(m, "draining") {
		m.drains = true
	}
}

func (c *chaos) activate(m *machine, _ step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.drains && c.set(m, "active") {
		m.drains = false
	}
}

// retireLimit is how long somebody waits for a node to be empty.
const retireLimit = 3 * time.Minute

// retire has a node drained, removed when others have all that it has, and switched
// off.
func (c *chaos) retire(m *machine, _ step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keepers() <= 3 && !m.drains || m.writes > 0 || !c.set(m, "draining") {
		return
	}
	m.drains, m.leaving = true, true
	c.do(retireLimit, func(ctx context.Context) {
		for ctx.Err() == nil && !c.removed(ctx, m) {
			<-time.After(2 * time.Second)
		}
		c.mu.Lock()
		m.leaving = false
		n := (*Node)(nil)
		if m.out {
			n = m.node
			m.node, m.offAt = nil, time.Now()
		}
		c.mu.Unlock()
		if n == nil {
			return
		}
		if err := n.Close(); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.breach("%v does not stop: %v", m, err)
		}
	})
}

// removed removes a node that is empty.
func (c *chaos) removed(ctx context.Context, m *machine) bool {
	c.mu.Lock()
	founder := c.machines[0].node
	calm := time.Since(c.troubled) > 10*time.Second && c.allUp() == nil
	c.mu.Unlock()
	if founder == nil || !calm {
		return false
	}
	all, err := founder.Nodes(ctx)
	if err != nil {
		return false
	}
	for _, n := range all {
		if n.ID == m.id && n.Empty {
			_, err := founder.SetNode(ctx, string(m.id), shoal.NodeChange{State: "removed"})
			c.mu.Lock()
			defer c.mu.Unlock()
			c.note("%v is removed: %v", m, err)
			m.out = err == nil
			return m.out
		}
	}
	return false
}
