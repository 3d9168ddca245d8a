package node

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
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/safety"
)

// Nodes lists the nodes of the shoal. See shoal.Council.
func (n *Node) Nodes(ctx context.Context) ([]shoal.Member, error) {
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range n.beats.Members() {
		seen[m.Node] = m
	}
	var all []shoal.Member
	for _, r := range n.roll.nodes() {
		all = append(all, n.member(r, seen[r.ID]))
	}
	if err := n.markEmpty(ctx, all); err != nil {
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
func (n *Node) markEmpty(ctx context.Context, all []shoal.Member) error {
	for i, m := range all {
		if m.State != roster.Draining.String() {
			continue
		}
		v, err := n.safety(ctx)
		if err != nil {
			return err
		}
		all[i].Empty = v.State == safety.Safe || v.State == safety.Empty
		all[i].Needed = v.Settled && !all[i].Empty
	}
	return nil
}

// sureIn is how long it may take until all nodes have said again that they have
// what they should: whatever they fetch or delete makes them look first.
const sureIn = 15 * time.Second

// checkRemovable is an error if files would have fewer copies without a node that
// is up. Of one that drains it may take a while to be sure.
func (n *Node) checkRemovable(ctx context.Context, node roster.Node) error {
	for deadline := time.Now().Add(sureIn); ; {
		needed, err := n.needed(ctx, node)
		if err != nil || !needed {
			return err
		}
		if node.State != roster.Draining || time.Now().After(deadline) {
			return shoal.WithHint(fmt.Errorf("others have not all that %s keeps: %w", node.Title, shoal.BelowCopies),
				fmt.Sprintf("`shoal nodes drain --wait %s` first; --force removes it at once", node.Title))
		}
		select {
		case <-time.After(reconcile.LastAsk):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// needed reports whether a node keeps what others lack, as far as is known. One
// that is down keeps nothing.
func (n *Node) needed(ctx context.Context, node roster.Node) (bool, error) {
	all, err := n.Nodes(ctx)
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

func (n *Node) member(r roster.Node, m liveness.Member) shoal.Member {
	member := shoal.Member{
		ID: r.ID, Name: r.Title, Zone: r.Zone, Role: r.Role.String(), State: r.State.String(), Allotment: r.Allotment,
		Free: int64(m.Own.Free), Maintenance: n.reconciler.excused(r.ID),
	}
	switch {
	case r.ID == n.self():
		member.Health = "self"
		if usage, err := n.quota.Usage(n.ctx); err == nil {
			member.Free = usage.Free
		}
	case !r.Present():
		member.Health = "down"
	default:
		member.Health = map[liveness.State]string{liveness.Alive: "up", liveness.Suspect: "suspect", liveness.Down: "down"}[m.State]
		member.Since = time.Now().Add(m.Since - n.beats.Now()).UTC().Truncate(time.Millisecond)
	}
	return member
}

// SetNode changes what holds for a node. See shoal.Council.
func (n *Node) SetNode(ctx context.Context, ref string, change shoal.NodeChange) (shoal.Member, error) {
	node, err := n.findNode(ref)
	if err != nil {
		return shoal.Member{}, err
	}
	set, err := setOf(node.ID, change)
	if err != nil {
		return shoal.Member{}, err
	}
	if set.HasState {
		set.Upto = n.journal.Upto(node.ID)
	}
	if done := (roster.Set{Node: node.ID, HasState: true, State: roster.Revoked, Upto: set.Upto}); node.State == roster.Revoked && set == done {
		return n.member(node, liveness.Member{}), nil
	}
	if !n.roll.may(n.self(), set) {
		return shoal.Member{}, n.mayNot(node)
	}
	if change.State == roster.Removed.String() && !change.Force && node.Present() {
		if err := n.checkRemovable(ctx, node); err != nil {
			return shoal.Member{}, err
		}
	}
	if err := n.say(ctx, set); err != nil {
		return shoal.Member{}, fmt.Errorf("change node %s: %w", node.Title, err)
	}
	now := n.roll.node(node.ID)
	if set.HasState && now.State != set.State || set.HasRole && now.Role != set.Role || set.HasMaintenance && now.Maintenance != set.Maintenance {
		return shoal.Member{}, n.mayNot(now) // others have said something of it meanwhile
	}
	n.reconciler.look(ctx)
	for _, m := range n.beats.Members() {
		if m.Node == node.ID {
			return n.member(now, m), nil
		}
	}
	return n.member(now, liveness.Member{}), nil
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
func (n *Node) mayNot(node roster.Node) error {
	own := n.roll.node(n.self())
	text, hint := fmt.Sprintf("%s is not junior to this node", node.Title),
		"an admin revokes, and gives roles to, those who joined after it; it may drain and remove any other, and say that it is in maintenance"
	switch {
	case !own.Present():
		text, hint = outside(own)
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
func (n *Node) findNode(ref string) (roster.Node, error) {
	const shortest = 6
	var found []roster.Node
	for _, r := range n.roll.nodes() {
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
