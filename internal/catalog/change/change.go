// Package change renames, removes and undeletes: it decides which entries of the
// catalogue a request puts and drops, and writes independent changes together, so
// that many cost few commits.
//
// It deletes no chunks and tells no other part of the node. The caller does that in
// Config.After.
package change

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"shoal"
	"shoal/internal/catalog"
)

// Catalog is the part of a catalog.Catalog that a Changer uses.
type Catalog interface {
	Resolve(ctx context.Context, ref string) (shoal.Entry, error)
	Named(ctx context.Context, name string) (e shoal.Entry, found bool, err error)
	Of(ctx context.Context, id shoal.FileID) ([]shoal.Entry, error)
	FromTrash(ctx context.Context, ref string) (shoal.Removed, error)
	Change(ctx context.Context, puts, drops []shoal.Entry) error
}

// Config connects a Changer with the rest of the node.
type Config struct {
	Catalog Catalog

	// MayWrite returns why this node may not change names, if it may not.
	MayWrite func() error

	// Unnamed returns a file that is on this node without a name.
	Unnamed func(ctx context.Context, id shoal.FileID) (shoal.Entry, error)

	// After is called when an Op has been written, and returns the entry that the
	// caller of the change gets. Calls for independent Ops run at the same time.
	After func(ctx context.Context, op Op) (shoal.Entry, error)
}

// Changer changes names. Its methods are safe for use by many goroutines at once.
type Changer struct{ cfg Config }

// New returns a Changer.
func New(cfg Config) *Changer { return &Changer{cfg: cfg} }

// One makes one change. It returns when the change is durable on this node and
// After has returned. Errors: shoal.Usage, shoal.NotFound, shoal.Exists, and
// the errors of MayWrite, After and catalog.Catalog.Change.
func (c *Changer) One(ctx context.Context, item shoal.ChangeItem) (shoal.Entry, error) {
	op, err := c.plan(ctx, item)
	if err == nil {
		err = c.cfg.Catalog.Change(ctx, op.Puts, op.Drops)
	}
	if err != nil {
		return shoal.Entry{}, op.explain(err)
	}
	return c.cfg.After(ctx, op)
}

// Many makes changes with the outcome of one after the other, and calls done with
// the outcome of each, one call at a time. It writes changes that do not depend on
// each other together.
func (c *Changer) Many(ctx context.Context, items []shoal.ChangeItem, done func(item int, e shoal.Entry, err error)) {
	g := group{touched: make(map[string]bool)}
	for i, item := range items {
		op, err := c.plan(ctx, item)
		if len(g.ops) > 0 && (err != nil || !g.fits(op)) { // it may depend on a change of the group
			c.write(ctx, &g, done)
			op, err = c.plan(ctx, item)
		}
		if err != nil {
			done(i, shoal.Entry{}, err)
			continue
		}
		g.add(i, op)
	}
	c.write(ctx, &g, done)
}

// write makes the changes of a group, and empties it.
func (c *Changer) write(ctx context.Context, g *group, done func(item int, e shoal.Entry, err error)) {
	results, errs := make([]shoal.Entry, len(g.ops)), make([]error, len(g.ops))
	var wg sync.WaitGroup
	from := 0
	for _, to := range g.cuts() {
		ops, entries, failures := g.ops[from:to], results[from:to], errs[from:to]
		wg.Go(func() { c.commit(ctx, ops, entries, failures) })
		from = to
	}
	wg.Wait()
	for i, e := range results {
		done(g.items[i], e, errs[i])
	}
	g.clear()
}

// commit makes changes that fit into one write to the catalogue. Writes at the same
// time share a commit.
func (c *Changer) commit(ctx context.Context, ops []Op, results []shoal.Entry, errs []error) {
	var puts, drops []shoal.Entry
	for _, op := range ops {
		puts, drops = append(puts, op.Puts...), append(drops, op.Drops...)
	}
	failed := context.Cause(ctx)
	if failed == nil {
		failed = c.cfg.Catalog.Change(ctx, puts, drops)
	}
	var wg sync.WaitGroup
	for i, op := range ops {
		if failed != nil {
			errs[i] = op.explain(failed)
			continue
		}
		wg.Go(func() { results[i], errs[i] = c.cfg.After(ctx, op) })
	}
	wg.Wait()
}

// Find returns the entry that a reference means on this node: a link, an id, a name
// or the prefix of an id. The entry of a file without a name has none. Errors: as
// catalog.Catalog.Resolve, and shoal.Usage for a malformed link.
func (c *Changer) Find(ctx context.Context, ref string) (shoal.Entry, error) {
	if shoal.IsLink(ref) {
		link, err := shoal.ParseLink(ref)
		if err != nil {
			if known, nameErr := c.cfg.Catalog.Resolve(ctx, ref); nameErr == nil {
				return known, nil // a name that only begins like a link
			}
			return shoal.Entry{}, err
		}
		ref = link.ID.String()
	}
	entry, err := c.cfg.Catalog.Resolve(ctx, ref)
	if err == nil {
		return entry, nil
	}
	id, idErr := shoal.ParseFileID(ref)
	if idErr != nil || !errors.Is(err, shoal.NotFound) {
		return shoal.Entry{}, err
	}
	unnamed, unnamedErr := c.cfg.Unnamed(ctx, id)
	if unnamedErr != nil {
		return shoal.Entry{}, err
	}
	return unnamed, nil
}

// CheckName returns shoal.Usage for a name that no file may get: it breaks the rules
// of shoal.CheckName, or it would be taken for a link.
func CheckName(name string) error {
	if err := shoal.CheckName(name); err != nil {
		return shoal.WithHint(err, "a name is like photos/2024/a.jpg: no slash at its ends, and no . or .. between two")
	}
	if _, err := shoal.ParseLink(name); err == nil {
		return fmt.Errorf("name %q is a link, and would be taken for one: %w", name, shoal.Usage)
	}
	return nil
}

// maxWrite is the most entries of one write to the catalogue.
const maxWrite = catalog.MaxPut
