package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/membership/join"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/ticket"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// belonging is what a data folder remembers of the shoal it belongs to.
type belonging struct {
	Shoal   shoal.NodeID `json:"shoal"`             // the founder
	Sponsor shoal.NodeID `json:"sponsor,omitempty"` // whom it joined through
	Ticket  string       `json:"ticket,omitempty"`  // the id of the ticket it joined with
	Starts  uint64       `json:"starts"`            // how often a node was started on it
}

// belong finds out which shoal the data folder belongs to, and counts the start.
// A folder that belongs to none joins one with the ticket in the configuration;
// without a ticket it founds one, unless it is not to.
func (n *Node) belong(ctx context.Context) error {
	path := filepath.Join(n.cfg.Data, shoalFile)
	known, err := loadBelonging(path)
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
	return writeDurably(path, known)
}

func loadBelonging(path string) (belonging, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return belonging{}, err
	}
	var known belonging
	if err := json.Unmarshal(data, &known); err != nil || known.Shoal == "" {
		return belonging{}, shoal.WithHint(fmt.Errorf("%s cannot be read: %w", path, shoal.Integrity),
			"it names the shoal this node belongs to; delete it and join again with a new ticket")
	}
	return known, nil
}

// rejoin starts a node with a ticket that is in a shoal already: in the ticket's,
// of which a new one tells where it is to be found now, and which it enters again
// if it was removed; or in one that it founded and never used, which it leaves.
func (n *Node) rejoin(ctx context.Context, known belonging) (belonging, error) {
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
func (n *Node) reenter(ctx context.Context, known belonging, t ticket.Ticket) (belonging, error) {
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
		if _, askErr := n.askPeer(ctx, t.Issuer, wire.Find{}); errors.Is(askErr, shoal.Unauthorised) {
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
func (n *Node) unused(ctx context.Context, known belonging) (_ bool, err error) {
	if known.Shoal != n.self() {
		return false, nil
	}
	for _, err := range n.store.All(ctx) {
		return false, err
	}
	j, err := journal.Open(ctx, filepath.Join(n.cfg.Data, journalFile), journal.Config{
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
	for _, name := range []string{journalFile, catalogFile} {
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
	_, err := os.Lstat(filepath.Join(data, shoalFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return shoal.WithHint(fmt.Errorf("this machine belongs to no shoal (%s): %w", data, shoal.Unauthorised),
		"a node of the shoal makes a ticket with `shoal invite`; `shoal up --join TICKET` is all this machine needs")
}

// joinOrFound makes the folder part of a shoal.
func (n *Node) joinOrFound(ctx context.Context) (belonging, error) {
	if n.cfg.Join == "" {
		return belonging{Shoal: n.self()}, n.mayFound(ctx)
	}
	t, err := ticket.Parse(n.cfg.Join)
	if err != nil {
		return belonging{}, err
	}
	return n.joinWith(ctx, t)
}

// mayFound is an error if the folder has a journal that is of no shoal this node
// could found: it has joined one, and the file that says which is lost.
func (n *Node) mayFound(ctx context.Context) (err error) {
	path := filepath.Join(n.cfg.Data, journalFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	said, err := journal.Open(ctx, path, journal.Config{Shoal: n.self(), Key: n.identity, Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, said.Close()) }()
	if err := said.Check(ctx); err != nil {
		return shoal.WithHint(fmt.Errorf("%s is gone, and the journal is not of a shoal that this node has founded: %w", shoalFile, err),
			"join again with a new ticket: `shoal up --join TICKET`; or restore the file from a backup")
	}
	return nil
}

// joinWith shows a ticket. Until it is in, this node answers nobody.
func (n *Node) joinWith(ctx context.Context, t ticket.Ticket) (belonging, error) {
	if err := n.listen(ctx); err != nil {
		return belonging{}, err
	}
	n.sponsorAddrs = addrsIn(t)
	err := join.Join(ctx, n.host, t)
	return belonging{Shoal: t.Shoal, Sponsor: t.Issuer, Ticket: ticket.KeyOf(t.Secret).ID()}, err
}

// writeDurably replaces a file by value as JSON, whole or not at all.
func writeDurably(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
