package membership

import (
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
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/jsonfile"
	"shoal/internal/membership/join"
	"shoal/internal/membership/ticket"
	"shoal/internal/record"
)

// Folder is a data folder's record of its shoal.
type Folder struct {
	Shoal   shoal.NodeID `json:"shoal"`             // the founder
	Sponsor shoal.NodeID `json:"sponsor,omitempty"` // the node that it joined through
	Ticket  string       `json:"ticket,omitempty"`  // the id of the ticket it joined with
	Starts  uint64       `json:"starts"`            // how often a node was started on it
}

// belong finds out which shoal the data folder belongs to, and counts the start.
func (m *Membership) belong(ctx context.Context) (Folder, error) {
	known, err := ReadFolder(m.cfg.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		known, err = m.joinOrFound(ctx)
	case err == nil && m.cfg.Join != "":
		known, err = m.rejoin(ctx, known)
	}
	if err != nil {
		return known, err
	}
	known.Starts++
	return known, jsonfile.Write(filepath.Join(m.cfg.Data, datadir.Shoal), known)
}

// ReadFolder reads to which shoal a data folder belongs, and blocks for the disk.
// Errors: fs.ErrNotExist if it belongs to none, shoal.Integrity.
func ReadFolder(data string) (Folder, error) {
	path := filepath.Join(data, datadir.Shoal)
	text, err := os.ReadFile(path)
	if err != nil {
		return Folder{}, err
	}
	var known Folder
	if err := json.Unmarshal(text, &known); err != nil || known.Shoal == "" {
		return Folder{}, shoal.WithHint(fmt.Errorf("%s cannot be read: %w", path, shoal.Integrity),
			"it names the shoal this node belongs to; delete it and join again with a new ticket")
	}
	return known, nil
}

// rejoin starts a node that has a shoal already with a ticket. A ticket of the same
// shoal tells new addresses of it, and lets a removed node in again. For a ticket of
// another the node leaves its own, if it has founded it and never used it.
func (m *Membership) rejoin(ctx context.Context, known Folder) (Folder, error) {
	t, err := ticket.Parse(m.cfg.Join)
	if err != nil {
		return known, err
	}
	if t.Shoal == known.Shoal {
		return m.reenter(ctx, known, t)
	}
	unused, err := m.unused(ctx, known)
	if err != nil {
		return known, err
	}
	if !unused {
		return known, shoal.WithHint(fmt.Errorf("this data folder belongs to another shoal: %w", shoal.Exists), "use an empty folder (--data), or leave out --join")
	}
	joined, err := m.joinOrFound(ctx)
	if err != nil {
		return known, err
	}
	if err := m.cfg.Forget(); err != nil {
		return known, fmt.Errorf("leave the shoal that was never used: %w", err)
	}
	return joined, nil
}

// reenter uses a ticket of the shoal that the folder belongs to. If it was used
// here before there is nothing to do; if it is refused, the node may be in all
// the same: whether it is, who refuses it can say.
func (m *Membership) reenter(ctx context.Context, known Folder, t ticket.Ticket) (Folder, error) {
	m.sponsor = addrsIn(t)
	if known.Ticket == ticket.KeyOf(t.Secret).ID() {
		return known, nil
	}
	joined, err := m.joinWith(ctx, t)
	if err == nil {
		joined.Starts = known.Starts
		return joined, nil
	}
	if errors.Is(err, shoal.Unauthorised) {
		if askErr := m.cfg.Ask(ctx, t.Issuer); errors.Is(askErr, shoal.Unauthorised) {
			return known, shoal.WithHint(fmt.Errorf("this node is not in the shoal any more: %w", err),
				"one that was removed comes back with a new ticket (`shoal invite`), one that was revoked only as another: `shoal doctor --new-identity`")
		}
	}
	m.cfg.Log.Warn("the ticket was not taken; this node goes on as what it was", "err", err)
	m.refused = err
	return known, nil
}

// unused reports whether this folder's shoal is of this node alone, and nothing
// was ever put into it.
func (m *Membership) unused(ctx context.Context, known Folder) (_ bool, err error) {
	if known.Shoal != m.self {
		return false, nil
	}
	if stores, err := m.cfg.Stores(ctx); stores || err != nil {
		return false, err
	}
	j, err := journal.Open(ctx, m.cfg.Journal, journal.Config{
		Shoal: known.Shoal, Key: m.cfg.Key, Now: time.Now,
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

// addrsIn is where a ticket says that its shoal can be reached.
func addrsIn(t ticket.Ticket) []string {
	addrs := make([]string, len(t.Addrs))
	for i, addr := range t.Addrs {
		addrs[i] = addr + "/p2p/" + string(t.Issuer)
	}
	return addrs
}

// MayPass is shoal.Unauthorised if a data folder belongs to no shoal: a node that runs
// for one command founds none, and leaves nothing there.
func MayPass(data string) error {
	_, err := os.Lstat(filepath.Join(data, datadir.Shoal))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return shoal.WithHint(fmt.Errorf("this machine belongs to no shoal (%s): %w", data, shoal.Unauthorised),
		"a node of the shoal makes a ticket with `shoal invite`; `shoal up --join TICKET` is all this machine needs")
}

// joinOrFound makes the folder part of a shoal.
func (m *Membership) joinOrFound(ctx context.Context) (Folder, error) {
	if m.cfg.Join == "" {
		return Folder{Shoal: m.self}, m.mayFound(ctx)
	}
	t, err := ticket.Parse(m.cfg.Join)
	if err != nil {
		return Folder{}, err
	}
	return m.joinWith(ctx, t)
}

// mayFound is an error if the folder has a journal that is of no shoal this node
// could found: it has joined one, and the file that says which is lost.
func (m *Membership) mayFound(ctx context.Context) (err error) {
	if _, err := os.Lstat(m.cfg.Journal); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	said, err := journal.Open(ctx, m.cfg.Journal, journal.Config{Shoal: m.self, Key: m.cfg.Key, Now: time.Now})
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
func (m *Membership) joinWith(ctx context.Context, t ticket.Ticket) (Folder, error) {
	host, err := m.cfg.Listen(ctx)
	if err != nil {
		return Folder{}, err
	}
	m.sponsor = addrsIn(t)
	err = join.Join(ctx, host, t)
	return Folder{Shoal: t.Shoal, Sponsor: t.Issuer, Ticket: ticket.KeyOf(t.Secret).ID()}, err
}
