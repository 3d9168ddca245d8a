package shoal

import (
	"context"
	"time"
)

// Council is who belongs to the shoal, and what is decided about them.
type Council interface {
	// Invite makes a ticket by which machines can join. Errors: Usage for what
	// is out of bounds, Unauthorised if this node's role does not allow it.
	Invite(ctx context.Context, req InviteRequest) (Invite, error)

	// Nodes lists the nodes of the shoal, those that were removed last.
	Nodes(ctx context.Context) ([]Member, error)

	// SetNode changes what holds for a node, which ref names: its name as Nodes
	// shows it, or its id or the end of it. Errors: NotFound, Unauthorised,
	// Usage for a ref that means several.
	SetNode(ctx context.Context, ref string, change NodeChange) (Member, error)
}

// InviteRequest says what a ticket is for.
type InviteRequest struct {
	Uses    int           `json:"uses,omitempty"`       // how many machines may join with it; 0 is one
	Expires time.Duration `json:"expires_ns,omitempty"` // how long it is good; 0 is a day
	Role    string        `json:"role,omitempty"`       // "member", which "" means too, "reader" or "admin"
}

// Invite is a ticket that was made.
type Invite struct {
	Ticket  string    `json:"ticket"`
	Role    string    `json:"role"`
	Uses    int       `json:"uses"`
	Expires time.Time `json:"expires"`
}

// Member is a node of the shoal, as this node knows it.
type Member struct {
	ID          NodeID    `json:"id"`
	Name        string    `json:"name"` // different from all others'
	Zone        string    `json:"zone,omitempty"`
	Role        string    `json:"role"`   // "reader", "member" or "admin"
	State       string    `json:"state"`  // "active", "draining", "removed" or "revoked"
	Health      string    `json:"health"` // "up", "suspect", "down", or "self"
	Since       time.Time `json:"since,omitzero"`
	Allotment   int64     `json:"allotment"` // bytes it holds for others; 0 is none
	Free        int64     `json:"free"`      // bytes it says it has left
	Maintenance time.Time `json:"maintenance,omitzero"`
	Empty       bool      `json:"empty,omitempty"`  // it drains, and others have all that it has: it may be removed
	Needed      bool      `json:"needed,omitempty"` // it drains, and others have all they can: they are too few for the copies that are wanted
}

// NodeChange is what is to be changed; what is not set stays.
type NodeChange struct {
	State       string         `json:"state,omitempty"` // "active", "draining", "removed" or "revoked"
	Role        string         `json:"role,omitempty"`
	Maintenance *time.Duration `json:"maintenance_ns,omitempty"` // how long from now it will be away; 0 ends it
	Force       bool           `json:"force,omitempty"`          // remove it although others lack copies of what it has
}
