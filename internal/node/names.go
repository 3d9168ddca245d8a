package node

import (
	"context"
	"fmt"

	"shoal"
	"shoal/internal/membership/roster"
)

// Search finds files by what is in their names. See shoal.Library.
func (n *Node) Search(ctx context.Context, req shoal.SearchRequest) (shoal.SearchPage, error) {
	return n.catalog.Search(ctx, req)
}

// mayWrite is an error unless this node may change what exists: others would
// not take in what a reader writes.
func (n *Node) mayWrite() error {
	own := n.roll.node(n.self())
	if text, hint := n.outside(); text != "" {
		return shoal.WithHint(fmt.Errorf("%s: %w", text, shoal.Unauthorised), hint)
	}
	if own.Role < roster.Member {
		return shoal.WithHint(fmt.Errorf("this node only reads: %w", shoal.Unauthorised), "an admin makes it a member: `shoal nodes role NODE member`")
	}
	return nil
}

// outside says why this node is not in the shoal, and what a person can do about
// it: nothing if it is.
func (n *Node) outside() (text, hint string) {
	switch own := n.roll.node(n.self()); {
	case !own.Present():
		return outside(own)
	case n.shunned.all(n.neighbours()):
		return "the other nodes say that this one is not on their roster: it was removed or revoked while it was away",
			"`shoal up --join TICKET` with a new ticket lets it in again if it was removed; one that was revoked comes back only as another: `shoal doctor --new-identity`"
	}
	return "", ""
}

// outside says why a node is not in the shoal, and what a person can do about it.
func outside(own roster.Node) (text, hint string) {
	switch {
	case own.State == roster.Revoked:
		return "this node was revoked, which is for good", "`shoal doctor --new-identity` makes it another, which may join with a new ticket"
	case own.State == roster.Removed:
		return "this node was removed from the shoal", "`shoal up --join TICKET` with a new ticket lets it in again"
	}
	return "this node has not heard that it was let in", "start a node that was in the shoal before it, or stop it and join with a new ticket: `shoal up --join TICKET`"
}

// Trash lists what can be had back. See shoal.Library.
func (n *Node) Trash(ctx context.Context, prefix string) ([]shoal.Removed, error) {
	return n.catalog.Trash(ctx, prefix)
}
