package membership

import (
	"cmp"
	"fmt"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
)

// MayWrite is shoal.Unauthorised unless this node may change the catalogue: others
// would not take in a reader's records.
func (m *Membership) MayWrite() error {
	if text, hint := m.Outside(); text != "" {
		return shoal.WithHint(fmt.Errorf("%s: %w", text, shoal.Unauthorised), hint)
	}
	if m.Node(m.self).Role < roster.Member {
		return shoal.WithHint(fmt.Errorf("this node only reads: %w", shoal.Unauthorised), "an admin makes it a member: `shoal nodes role NODE member`")
	}
	return nil
}

// Outside gives the reason why this node is not in the shoal, and what a person can do
// about it; "" if it is.
func (m *Membership) Outside() (text, hint string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return outside(m.machine.Verdict())
}

func outside(v standing.Verdict) (text, hint string) {
	switch v {
	case standing.Inside:
	case standing.Rejected:
		return "the other nodes say that this one is not on their roster: it was removed or revoked while it was away",
			"`shoal up --join TICKET` with a new ticket lets it in again if it was removed; one that was revoked comes back only as another: `shoal doctor --new-identity`"
	case standing.Revoked:
		return "this node was revoked, which is for good", "`shoal doctor --new-identity` makes it another, which may join with a new ticket"
	case standing.Removed:
		return "this node was removed from the shoal", "`shoal up --join TICKET` with a new ticket lets it in again"
	case standing.Unheard:
		return "this node has not heard that it was let in", "start a node that was in the shoal before it, or stop it and join with a new ticket: `shoal up --join TICKET`"
	}
	return "", ""
}

// shutOut is an error if this node is not in the shoal any more, as far as it has
// heard, and was started with a ticket that does not let it in again.
func (m *Membership) shutOut(own roster.Node) error {
	if m.refused == nil || own.Present() || own.Role == roster.Stranger {
		return nil
	}
	text, hint := outside(m.machine.Verdict())
	if own.State == roster.Revoked {
		return shoal.WithHint(fmt.Errorf("%s: %w", text, shoal.Unauthorised), hint)
	}
	return shoal.WithHint(fmt.Errorf("%s, and the ticket was not taken: %w", text, m.refused), cmp.Or(shoal.HintOf(m.refused), hint))
}

// Cloned is told that another process runs with this node's identity, and gives the
// error with which this one must stop: nil if it is the older of the two. The nonces are
// the times at which they started.
func Cloned(other, own uint64) error {
	if other > own {
		return nil
	}
	return shoal.WithHint(fmt.Errorf("another node runs with this node's identity: the data folder was copied: %w", shoal.Exists),
		"`shoal doctor --new-identity` makes this one a node of its own, which joins with a new ticket and keeps its chunks")
}
