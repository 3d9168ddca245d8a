package membership

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/jsonfile"
	"shoal/internal/membership/join"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/ticket"
	"shoal/internal/network"
)

// invites is the book of this node's tickets, which lies in a file.
type invites struct {
	path string

	mu   sync.Mutex // of book, and held while it is written
	book ticket.Book
}

func loadInvites(folder string) (*invites, error) {
	i := &invites{path: filepath.Join(folder, datadir.Invites)}
	data, err := os.ReadFile(i.path)
	if errors.Is(err, fs.ErrNotExist) {
		return i, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &i.book)
	}
	if err != nil {
		return i, shoal.WithHint(fmt.Errorf("%s cannot be read: %w", i.path, err), "delete it: only tickets that were not yet used are lost")
	}
	return i, nil
}

// joined lists the nodes that came with tickets that are still in the book.
func (i *invites) joined() (nodes []shoal.NodeID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, invitation := range i.book.Invitations {
		nodes = append(nodes, invitation.Joined...)
	}
	return nodes
}

// change changes the book, durably or not at all.
func (i *invites) change(change func(*ticket.Book) error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	next := ticket.Book{}
	for _, invitation := range i.book.Invitations {
		invitation.Joined = append([]shoal.NodeID(nil), invitation.Joined...)
		next.Invitations = append(next.Invitations, invitation)
	}
	if err := change(&next); err != nil {
		return err
	}
	if err := jsonfile.Write(i.path, next); err != nil {
		return err
	}
	i.book = next
	return nil
}

func (i *invites) find(id string, joiner shoal.NodeID) (ticket.Invitation, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.book.Find(time.Now(), id, joiner)
}

// The bounds of an invitation.
const (
	defaultExpiry = 24 * time.Hour
	maxExpiry     = 365 * 24 * time.Hour
)

// Invite makes a ticket. See shoal.Council.
func (c *Council) Invite(_ context.Context, req shoal.InviteRequest) (shoal.Invite, error) {
	role, err := roster.ParseRole(cmp.Or(req.Role, roster.Member.String()))
	if err != nil {
		return shoal.Invite{}, err
	}
	if err := c.MayWrite(); err != nil {
		return shoal.Invite{}, err
	}
	if own := c.Node(c.self); role > roster.Member && own.Role < roster.Admin {
		return shoal.Invite{}, shoal.WithHint(fmt.Errorf("this node is a %v, and only an admin invites another: %w", own.Role, shoal.Unauthorised), adminsAre)
	}
	expires := cmp.Or(req.Expires, defaultExpiry)
	if expires < 0 || expires > maxExpiry {
		return shoal.Invite{}, fmt.Errorf("a ticket is good for a year at most: %w", shoal.Usage)
	}
	t := ticket.Ticket{Shoal: c.folder.Shoal, Issuer: c.self, Role: role, Expires: time.Now().Add(expires).UTC().Truncate(time.Second)}
	for _, addr := range c.parts.Addrs() {
		t.Addrs = append(t.Addrs, strings.TrimSuffix(addr, "/p2p/"+string(c.self)))
	}
	t.Addrs = t.Addrs[:min(len(t.Addrs), ticket.MaxAddrs)]
	_, _ = rand.Read(t.Secret[:]) // it never fails
	uses := cmp.Or(req.Uses, 1)
	err = c.invites.change(func(b *ticket.Book) error {
		return b.Add(time.Now(), ticket.Invitation{Key: ticket.KeyOf(t.Secret), Role: role, Expires: t.Expires, Left: uses})
	})
	if err != nil {
		return shoal.Invite{}, err
	}
	text, err := t.Text()
	return shoal.Invite{Ticket: text, Role: role.String(), Uses: uses, Expires: t.Expires}, err
}

// ServeJoin answers a machine that comes with a ticket. It blocks until the machine was
// let in or refused.
func (c *Council) ServeJoin(ctx context.Context, stream network.Stream) {
	inviter := join.Inviter{Shoal: c.folder.Shoal, Self: c.self, Find: c.invites.find, Admit: c.Admit}
	err := inviter.Serve(ctx, stream)
	if err != nil {
		c.cfg.Log.Warn("a machine was not let in", "peer", stream.Peer(), "err", err)
		return
	}
	c.cfg.Log.Info("a machine was let in", "peer", stream.Peer())
}

// Admit lets a machine in that has proven the ticket of that id, durably. One that was
// removed since it used the ticket needs another. Errors: shoal.Unauthorised; those of
// Say.
func (c *Council) Admit(ctx context.Context, id string, joiner shoal.NodeID) error {
	var invitation ticket.Invitation
	var again bool
	err := c.invites.change(func(b *ticket.Book) (err error) {
		invitation, again, err = b.Redeem(time.Now(), id, joiner)
		return err
	})
	if err != nil {
		return err
	}
	switch state := c.Node(joiner).State; {
	case state == roster.Revoked:
		return fmt.Errorf("this machine was revoked, which is for good; a new data folder makes it another: %w", shoal.Unauthorised)
	case state == roster.Removed && again:
		return fmt.Errorf("the ticket has been used, before this machine was removed: %w", shoal.Unauthorised)
	}
	if there := c.Node(joiner); there.Present() && there.Role >= invitation.Role {
		return nil
	}
	if err := c.Say(ctx, roster.Admit{Node: joiner, Role: invitation.Role}); err != nil {
		return err
	}
	if !c.Node(joiner).Present() {
		return fmt.Errorf("this node may not let it in as %v: %w", invitation.Role, shoal.Unauthorised)
	}
	return nil
}
