package apitest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"shoal"
)

// Invite makes a ticket that nobody can use.
func (n *Node) Invite(_ context.Context, req shoal.InviteRequest) (shoal.Invite, error) {
	if err := n.broken(); err != nil {
		return shoal.Invite{}, err
	}
	if role := cmp.Or(req.Role, "member"); role != "member" {
		return shoal.Invite{}, fmt.Errorf("this node may not invite others as %s: %w", role, shoal.Unauthorised)
	}
	return shoal.Invite{
		Ticket: "shoal-ticket-abc", Role: "member", Uses: cmp.Or(req.Uses, 1), Expires: Born().Add(cmp.Or(req.Expires, 24*time.Hour)),
	}, nil
}

// Nodes gives the node itself, and one more. One that drains is needed if it was
// told that there are too few.
func (n *Node) Nodes(context.Context) ([]shoal.Member, error) {
	if err := n.broken(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all := slices.Clone(n.members)
	for i := range all {
		all[i].Needed = all[i].State == "draining" && n.state.Safety.State == "too few nodes"
	}
	return all, nil
}

// SetNode changes what is in memory.
func (n *Node) SetNode(_ context.Context, ref string, change shoal.NodeChange) (shoal.Member, error) {
	if err := n.broken(); err != nil {
		return shoal.Member{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.members {
		m := &n.members[i]
		if m.Name != ref && string(m.ID) != ref {
			continue
		}
		m.State, m.Role = cmp.Or(change.State, m.State), cmp.Or(change.Role, m.Role)
		if change.Maintenance != nil {
			m.Maintenance = Born().Add(*change.Maintenance)
		}
		return *m, nil
	}
	return shoal.Member{}, fmt.Errorf("no node is called %q: %w", ref, shoal.NotFound)
}
