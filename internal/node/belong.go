package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog/find"
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/membership/join"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/ticket"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// belong finds out which shoal the data folder belongs to, and counts the start.
// A folder that belongs to none joins one with the ticket in the configuration;
// without a ticket it founds one, unless it is not to.
func (n *Node) belong(ctx context.Context) error {
	path := filepath.Join(n.cfg.Data, datadir.Shoal)
	known, err := datadir.ReadBelonging(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		known, err = n.joinOrFound(ctx)
	case err == nil && n.cfg.Join != "":
		known, err = n.rejoin(ctx, known)
	}
	if err != nil {
		return err
	}
	known.Starts++
	n.belongs = known
	return datadir.WriteJSON(path, known)
}

// rejoin starts a node with a ticket that is in a shoal already: in the ticket's,
// of which a new one tells where it is to be found now, and which it enters again
// if it was removed; or in one that it founded and never used, which it leaves.
func (n *Node) rejoin(ctx context.Context, known datadir.Belonging) (datadir.Belonging, error) {
	t, err := ticket.Parse(n.cfg.Join)
	if err != nil {
		return known, err
	}
	if t.Shoal == known.Shoal {
		return n.reenter(ctx, known, t)
	}
	unused, err := n.unused(ctx, known)
	if err != nil {
		return known, err
	}
	if !unused {
		return known, shoal.WithHint(fmt.Errorf("this data folder belongs to another shoal: %w", shoal.Exists), "use an empty folder (--data), or leave out --join")
	}
	joined, err := n.joinOrFound(ctx)
	if err != nil {
		return known, err
	}
	return joined, n.dropBooks()
}

// reenter uses a ticket of the shoal that the folder belongs to. If it was used
// here before there is nothing to do; if it is refused, the node may be in all
// the same: whether it is, who refuses it can say.
func (n *Node) reenter(ctx context.Context, known datadir.Belonging, t ticket.Ticket) (datadir.Belonging, error) {
	n.sponsorAddrs = addrsIn(t)
	if known.Ticket == ticket.KeyOf(t.Secret).ID() {
		return known, nil
	}
	joined, err := n.joinWith(ctx, t)
	if err == nil {
		joined.Starts = known.Starts
		return joined, nil
	}
	if errors.Is(err, shoal.Unauthorised) {
		if _, askErr := find.Ask(ctx, n.host, t.Issuer, wire.Find{}); errors.Is(askErr, shoal.Unauthorised) {
			return known, shoal.WithHint(fmt.Errorf("this node is not in the shoal any more: %w", err),
				"one that was removed comes back with a new ticket (`shoal invite`), one that was revoked only as another: `shoal doctor --new-identity`")
		}
	}
	n.cfg.Log.Warn("the ticket was not taken; this node goes on as what it was", "err", err)
	n.refused = err
	return known, nil
}

// shutOut is an error if this node is not in the shoal any more, as far as it has
// heard, and was started with a ticket that does not let it in again.
func (n *Node) shutOut() error {
	own := n.roll.node(n.self())
	if n.refused == nil || own.Present() || own.Role == roster.Stranger {
		return nil
	}
	text, hint := outside(own)
	if own.State == roster.Revoked {
		return shoal.WithHint(fmt.Errorf("%s: %w", text, shoal.Unauthorised), hint)
	}
	return shoal.WithHint(fmt.Errorf("%s, and the ticket was not taken: %w", text, n.refused), cmp.Or(shoal.HintOf(n.refused), hint))
}

// unused reports whether this folder's shoal is of this node alone, and nothing
// was ever put into it.
func (n *Node) unused(ctx context.Context, known datadir.Belonging) (_ bool, err error) {
	if known.Shoal != n.self() {
		return false, nil
	}
	for _, err := range n.store.All(ctx) {
		return false, err
	}
	j, err := journal.Open(ctx, filepath.Join(n.cfg.Data, datadir.Journal), journal.Config{
		Shoal: known.Shoal, Key: n.identity, Now: time.Now,
		Admits: func(record.Batch) error { return nil }, Apply: func([]journal.Item) {},
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	for item, err := range j.Replay(ctx, 0) {
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(item.Records, func(r record.Record) bool { return r.Kind != record.KindSelf }) {
			return false, nil
		}
	}
	return true, nil
}

// dropBooks deletes what was said in a shoal that is left.
func (n *Node) dropBooks() error {
	for _, name := range []string{datadir.Journal, datadir.Catalog} {
		paths, err := filepath.Glob(filepath.Join(n.cfg.Data, name) + "*") // SQLite has files beside it
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("leave the shoal that was never used: %w", err)
			}
		}
	}
	return nil
}

// addrsIn is where a ticket says that its shoal can be reached.
func addrsIn(t ticket.Ticket) []string {
	addrs := make([]string, len(t.Addrs))
	for i, addr := range t.Addrs {
		addrs[i] = addr + "/p2p/" + string(t.Issuer)
	}
	return addrs
}

// mayPass is an error if a folder belongs to no shoal: a node that runs for one
// command founds none, and leaves nothing there.
func mayPass(data string) error {
	_, err := os.Lstat(filepath.Join(data, datadir.Shoal))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return shoal.WithHint(fmt.Errorf("this machine belongs to no shoal (%s): %w", data, shoal.Unauthorised),
		"a node of the shoal makes a ticket with `shoal invite`; `shoal up --join TICKET` is all this machine needs")
}

// joinOrFound makes the folder part of a shoal.
func (n *Node) joinOrFound(ctx context.Context) (datadir.Belonging, error) {
	if n.cfg.Join == "" {
		return datadir.Belonging{Shoal: n.self()}, n.mayFound(ctx)
	}
	t, err := ticket.Parse(n.cfg.Join)
	if err != nil {
		return datadir.Belonging{}, err
	}
	return n.joinWith(ctx, t)
}

// mayFound is an error if the folder has a journal that is of no shoal this node
// could found: it has joined one, and the file that says which is lost.
func (n *Node) mayFound(ctx context.Context) (err error) {
	path := filepath.Join(n.cfg.Data, datadir.Journal)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	said, err := journal.Open(ctx, path, journal.Config{Shoal: n.self(), Key: n.identity, Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, said.Close()) }()
	if err := said.Check(ctx); err != nil {
		return shoal.WithHint(fmt.Errorf("%s is gone, and the journal is not of a shoal that this node has founded: %w", datadir.Shoal, err),
			"join again with a new ticket: `shoal up --join TICKET`; or restore the file from a backup")
	}
	return nil
}

// joinWith shows a ticket. Until it is in, this node answers nobody.
func (n *Node) joinWith(ctx context.Context, t ticket.Ticket) (datadir.Belonging, error) {
	if err := n.listen(ctx); err != nil {
		return datadir.Belonging{}, err
	}
	n.sponsorAddrs = addrsIn(t)
	err := join.Join(ctx, n.host, t)
	return datadir.Belonging{Shoal: t.Shoal, Sponsor: t.Issuer, Ticket: ticket.KeyOf(t.Secret).ID()}, err
}
