package membership

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
)

// Nodes lists the nodes of the shoal. See shoal.Council.
func (c *Council) Nodes(ctx context.Context) ([]shoal.Member, error) {
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range c.parts.Beats.Members() {
		seen[m.Node] = m
	}
	var all []shoal.Member
	for _, r := range c.Membership.Nodes() {
		all = append(all, c.member(r, seen[r.ID]))
	}
	if err := c.markEmpty(ctx, all); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b shoal.Member) int {
		return cmp.Or(cmp.Compare(b2i(gone(a)), b2i(gone(b))), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// markEmpty marks the draining nodes that nobody needs any more: when all files
// are safe, they are so without those. When others have all they can and still are
// too few, those are needed until there are more nodes.
func (c *Council) markEmpty(ctx context.Context, all []shoal.Member) error {
	for i, m := range all {
		if m.State != roster.Draining.String() {
			continue
		}
		safe, settled, err := c.parts.Copies.Safe(ctx)
		if err != nil {
			return err
		}
		all[i].Empty, all[i].Needed = safe, settled && !safe
	}
	return nil
}

// sureIn is how long it may take until all nodes have said again that they have
// what they should: whatever they fetch or delete makes them look first.
const (
	sureIn    = 15 * time.Second
	sureEvery = time.Second // between two looks meanwhile
)

// checkRemovable is an error if files would have fewer copies without a node that
// is up. Of one that drains it may take a while to be sure.
func (c *Council) checkRemovable(ctx context.Context, node roster.Node) error {
	for deadline := time.Now().Add(sureIn); ; {
		needed, err := c.needed(ctx, node)
		if err != nil || !needed {
			return err
		}
		if node.State != roster.Draining || time.Now().After(deadline) {
			return shoal.WithHint(fmt.Errorf("others have not all that %s keeps: %w", node.Title, shoal.BelowCopies),
				fmt.Sprintf("`shoal nodes drain --wait %s` first; --force removes it at once", node.Title))
		}
		select {
		case <-time.After(sureEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// needed reports whether a node keeps what others lack, as far as is known. One
// that is down keeps nothing.
func (c *Council) needed(ctx context.Context, node roster.Node) (bool, error) {
	all, err := c.Nodes(ctx)
	for _, m := range all {
		if m.ID == node.ID {
			return !m.Empty && m.Health != "down" && m.Allotment > 0 && node.Role >= roster.Member, err
		}
	}
	return false, err
}

func gone(m shoal.Member) bool { return m.State == "removed" || m.State == "revoked" }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *Council) member(r roster.Node, m liveness.Member) shoal.Member {
	member := shoal.Member{
		ID: r.ID, Name: r.Title, Zone: r.Zone, Role: r.Role.String(), State: r.State.String(), Allotment: r.Allotment,
		Free: int64(m.Own.Free), Maintenance: c.parts.Copies.Excused(r.ID),
	}
	switch {
	case r.ID == c.self:
		member.Health = "self"
		if free, err := c.parts.Copies.Free(); err == nil {
			member.Free = free
		}
	case !r.Present():
		member.Health = "down"
	default:
		member.Health = map[liveness.State]string{liveness.Alive: "up", liveness.Suspect: "suspect", liveness.Down: "down"}[m.State]
		member.Since = time.Now().Add(m.Since - c.parts.Beats.Now()).UTC().Truncate(time.Millisecond)
	}
	return member
}

// SetNode changes what holds for a node. See shoal.Council.
func (c *Council) SetNode(ctx context.Context, ref string, change shoal.NodeChange) (shoal.Member, error) {
	node, err := c.findNode(ref)
	if err != nil {
		return shoal.Member{}, err
	}
	set, err := setOf(node.ID, change)
	if err != nil {
		return shoal.Member{}, err
	}
	if set.HasState {
		set.Upto = c.parts.Journal.Upto(node.ID)
	}
	if done := (roster.Set{Node: node.ID, HasState: true, State: roster.Revoked, Upto: set.Upto}); node.State == roster.Revoked && set == done {
		return c.member(node, liveness.Member{}), nil
	}
	if !c.may(set) {
		return shoal.Member{}, c.mayNot(node)
	}
	if change.State == roster.Removed.String() && !change.Force && node.Present() {
		if err := c.checkRemovable(ctx, node); err != nil {
			return shoal.Member{}, err
		}
	}
	if err := c.Say(ctx, set); err != nil {
		return shoal.Member{}, fmt.Errorf("change node %s: %w", node.Title, err)
	}
	now := c.Node(node.ID)
	if set.HasState && now.State != set.State || set.HasRole && now.Role != set.Role || set.HasMaintenance && now.Maintenance != set.Maintenance {
		return shoal.Member{}, c.mayNot(now) // others have said something of it meanwhile
	}
	c.parts.Copies.Look()
	for _, m := range c.parts.Beats.Members() {
		if m.Node == node.ID {
			return c.member(now, m), nil
		}
	}
	return c.member(now, liveness.Member{}), nil
}

// setOf is a change as the roster has it, less how far what the node said counts.
func setOf(id shoal.NodeID, change shoal.NodeChange) (set roster.Set, err error) {
	set.Node = id
	if change.State != "" {
		set.HasState = true
		if set.State, err = parseState(change.State); err != nil {
			return set, err
		}
	}
	if change.Role != "" {
		set.HasRole = true
		if set.Role, err = roster.ParseRole(change.Role); err != nil {
			return set, err
		}
	}
	if change.Maintenance != nil {
		if *change.Maintenance > roster.MaxMaintenance {
			return set, shoal.WithHint(fmt.Errorf("a node is in maintenance for 30 days at most: %w", shoal.Usage),
				"have others take over what it keeps: `shoal nodes drain NODE`")
		}
		set.HasMaintenance = true
		set.Maintenance = max(*change.Maintenance, 0).Truncate(time.Millisecond)
	}
	return set, nil
}

// adminsAre is where to look who may do what this node may not.
const adminsAre = "`shoal nodes` shows who is an admin: do it there"

// mayNot says why this node may not change what holds for one.
func (c *Council) mayNot(node roster.Node) error {
	own := c.Node(c.self)
	text, hint := fmt.Sprintf("%s is not junior to this node", node.Title),
		"an admin revokes, and gives roles to, those who joined after it; it may drain and remove any other, and say that it is in maintenance"
	switch {
	case !own.Present():
		text, hint = c.Outside()
	case node.State == roster.Revoked:
		text, hint = node.Title+" was revoked, which is for good", "`shoal doctor --new-identity` makes that machine another node, which may join with a new ticket (`shoal invite`)"
	case own.Role < roster.Admin:
		text, hint = fmt.Sprintf("this node is a %v, and only an admin may do that to %s", own.Role, node.Title), adminsAre
	case own.ID == node.ID:
		text, hint = "a node does not do that to itself", "another admin does it: `shoal nodes` shows who is one"
	}
	return shoal.WithHint(fmt.Errorf("%s: %w", text, shoal.Unauthorised), hint)
}

func parseState(text string) (roster.State, error) {
	for s := roster.Active; s <= roster.Revoked; s++ {
		if s.String() == text {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%q is no state of a node: %w", text, shoal.Usage)
}

// findNode finds the node of a name, an id, or the end of one.
func (c *Council) findNode(ref string) (roster.Node, error) {
	const shortest = 6
	var found []roster.Node
	for _, r := range c.Membership.Nodes() {
		if r.Title == ref || string(r.ID) == ref {
			return r, nil
		}
		if len(ref) >= shortest && strings.HasSuffix(string(r.ID), ref) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return roster.Node{}, shoal.WithHint(fmt.Errorf("no node is called %q: %w", ref, shoal.NotFound), "`shoal nodes` lists them")
	case 1:
		return found[0], nil
	}
	return roster.Node{}, shoal.WithHint(fmt.Errorf("%q ends the ids of several nodes: %w", ref, shoal.Usage), "give more of the id, or a name")
}
