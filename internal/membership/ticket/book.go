package ticket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/roster"
)

// MaxInvites is the most invitations that are open at a time.
const MaxInvites = 1000

// Key is what is kept of a ticket's secret. The secret cannot be worked out of
// it; but it is enough to prove the ticket, so a thief of the book can join as
// someone who was invited could.
type Key [sha256.Size]byte

// KeyOf is the key of a secret.
func KeyOf(secret [SecretSize]byte) Key {
	return sha256.Sum256(append([]byte("shoal ticket 1\n"), secret[:]...))
}

// ID names the invitation in public.
func (k Key) ID() string {
	sum := sha256.Sum256(append([]byte("shoal invitation 1\n"), k[:]...))
	return hex.EncodeToString(sum[:8])
}

// ChallengeSize is the length of an inviter's challenge in bytes.
const ChallengeSize = 32

// Proof shows that its sender has the ticket, to this inviter, for this joiner
// and this challenge alone.
func (k Key) Proof(shoalID, inviter, joiner shoal.NodeID, challenge [ChallengeSize]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k[:])
	for _, part := range []string{"shoal join 1", string(shoalID), string(inviter), string(joiner), string(challenge[:])} {
		_, _ = mac.Write(append([]byte{byte(len(part))}, part...)) // a hash takes everything
	}
	return [sha256.Size]byte(mac.Sum(nil))
}

// Invitation is a ticket as its issuer keeps it.
type Invitation struct {
	Key     Key            `json:"key"`
	Role    roster.Role    `json:"role"`
	Expires time.Time      `json:"expires"`
	Left    int            `json:"left"`             // times it can still be used
	Joined  []shoal.NodeID `json:"joined,omitempty"` // who has used it
}

// Book is the invitations of one node. The zero Book has none.
type Book struct {
	Invitations []Invitation `json:"invitations"`
}

// Add enters an invitation, and drops those that have run out by now. Errors are
// shoal.Usage.
func (b *Book) Add(now time.Time, i Invitation) error {
	b.Invitations = slices.DeleteFunc(b.Invitations, func(i Invitation) bool { return !now.Before(i.Expires) })
	if len(b.Invitations) >= MaxInvites { // those that were used up are kept for whoever used them
		b.Invitations = slices.DeleteFunc(b.Invitations, func(i Invitation) bool { return i.Left < 1 })
	}
	switch {
	case len(b.Invitations) >= MaxInvites:
		return fmt.Errorf("%d invitations are open, which are the most: %w", MaxInvites, shoal.Usage)
	case i.Left < 1 || i.Left > MaxInvites:
		return fmt.Errorf("an invitation for %d uses, where 1 to %d can be: %w", i.Left, MaxInvites, shoal.Usage)
	case !now.Before(i.Expires):
		return fmt.Errorf("an invitation that has expired: %w", shoal.Usage)
	}
	b.Invitations = append(b.Invitations, i)
	return nil
}

// Find gives the invitation of an id that is open to a joiner: one that was used up
// is to those who used it, for their first attempt may have broken off. Errors are
// shoal.Unauthorised.
func (b *Book) Find(now time.Time, id string, joiner shoal.NodeID) (Invitation, error) {
	for _, i := range b.Invitations {
		if i.Key.ID() != id {
			continue
		}
		if !now.Before(i.Expires) {
			return i, fmt.Errorf("the ticket expired on %s: %w", i.Expires.Format(time.RFC3339), shoal.Unauthorised)
		}
		if i.Left < 1 && !slices.Contains(i.Joined, joiner) {
			return i, fmt.Errorf("the ticket has been used: %w", shoal.Unauthorised)
		}
		return i, nil
	}
	return Invitation{}, fmt.Errorf("this node does not know the ticket: %w", shoal.Unauthorised)
}

// Redeem uses an invitation up by one, unless the joiner has used it before, which
// it reports. Errors: as Find.
func (b *Book) Redeem(now time.Time, id string, joiner shoal.NodeID) (invitation Invitation, again bool, err error) {
	if _, err := b.Find(now, id, joiner); err != nil {
		return Invitation{}, false, err
	}
	i := &b.Invitations[slices.IndexFunc(b.Invitations, func(i Invitation) bool { return i.Key.ID() == id })]
	if slices.Contains(i.Joined, joiner) {
		return *i, true, nil
	}
	i.Left--
	i.Joined = append(i.Joined, joiner)
	return *i, false, nil
}
