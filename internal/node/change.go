package node

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/redundancy/reconcile"
)

// Change does several things to names. See shoal.Library.
func (n *Node) Change(ctx context.Context, req shoal.ChangeRequest, watch func(shoal.Event)) error {
	if len(req.Items) > shoal.MaxItems {
		return fmt.Errorf("%d changes in one request, at most %d are allowed: %w", len(req.Items), shoal.MaxItems, shoal.Usage)
	}
	ctx, done := n.work(ctx)
	defer done()
	r := round{n: n, batch: newBatch(watch), touched: make(map[string]bool)}
	for i, item := range req.Items {
		r.do(ctx, i, item)
	}
	r.end(ctx)
	return r.batch.result()
}

// changeOne does one thing alone.
func (n *Node) changeOne(ctx context.Context, item shoal.ChangeItem) (shoal.Entry, error) {
	d, err := n.deedOf(ctx, item)
	if err == nil {
		err = n.catalog.Change(ctx, d.puts, d.drops)
	}
	if err != nil {
		return shoal.Entry{}, d.explain(err)
	}
	return d.after(ctx)
}

// deed is one thing to be done to names, as it was decided.
type deed struct {
	entry shoal.Entry
	ref   string        // what it was called by
	puts  []shoal.Entry // what is to be said, if anything
	drops []shoal.Entry
	after func(ctx context.Context) (shoal.Entry, error) // what is done when that is said
	what  string                                         // is done, for errors; empty if they say so
}

func (d deed) explain(err error) error {
	if d.what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", d.what, err)
}

// names is those that the deed is about.
func (d deed) names() []string {
	names := []string{d.ref, d.entry.Name}
	for _, e := range slices.Concat(d.puts, d.drops) {
		names = append(names, e.Name)
	}
	return names
}

// size is how many entries will be said.
func (d deed) size() int { return len(d.puts) + len(d.drops) }

// maxRound is how many entries are said in one round, at most.
const maxRound = 8 * catalog.MaxPut

// round is deeds of which none depends on another: they are said together, and
// wait for the disk once.
type round struct {
	n       *Node
	batch   *batch
	items   []int // of the request, one for each deed
	deeds   []deed
	size    int             // entries that will be said
	touched map[string]bool // names, and ids of files
}

// do decides on an item, and has it wait for the others of its round. If it
// depends on one of them, or cannot be done as long as they are not, they are done
// before it is decided.
func (r *round) do(ctx context.Context, i int, item shoal.ChangeItem) {
	d, err := r.n.deedOf(ctx, item)
	if len(r.deeds) > 0 && (err != nil || !r.fits(d)) {
		r.end(ctx)
		d, err = r.n.deedOf(ctx, item)
	}
	if err != nil {
		r.batch.end(shoal.Event{Item: i}, err)
		return
	}
	r.items, r.deeds, r.size = append(r.items, i), append(r.deeds, d), r.size+d.size()
	r.touched[d.entry.ID.String()] = true
	for _, name := range d.names() {
		r.touched[name] = true
	}
}

// fits reports whether a deed depends on none of the round, and can be said with
// them.
func (r *round) fits(d deed) bool {
	byID := d.ref != d.entry.Name
	return r.size+d.size() <= maxRound && (!byID || !r.touched[d.entry.ID.String()]) &&
		!slices.ContainsFunc(d.names(), func(name string) bool { return r.touched[name] })
}

// end does what was decided, and begins another round.
func (r *round) end(ctx context.Context) {
	results, errs := make([]shoal.Entry, len(r.deeds)), make([]error, len(r.deeds))
	var wg sync.WaitGroup
	from, size := 0, 0
	for to, d := range r.deeds {
		if size += d.size(); size > catalog.MaxPut {
			some, ends, failures := r.deeds[from:to], results[from:to], errs[from:to]
			wg.Go(func() { r.n.fulfil(ctx, some, ends, failures) })
			from, size = to, d.size()
		}
	}
	r.n.fulfil(ctx, r.deeds[from:], results[from:], errs[from:])
	wg.Wait()
	for i, entry := range results {
		r.batch.end(shoal.Event{Item: r.items[i], File: entry.ID, Name: entry.Name, Entry: &entry}, errs[i])
	}
	r.items, r.deeds, r.size = nil, nil, 0
	clear(r.touched)
}

// fulfil does deeds that fit into one write to the catalogue. Those made at the
// same time share a commit.
func (n *Node) fulfil(ctx context.Context, deeds []deed, results []shoal.Entry, errs []error) {
	var puts, drops []shoal.Entry
	for _, d := range deeds {
		puts, drops = append(puts, d.puts...), append(drops, d.drops...)
	}
	failed := context.Cause(ctx)
	if failed == nil {
		failed = n.catalog.Change(ctx, puts, drops)
	}
	var wg sync.WaitGroup
	for i, d := range deeds {
		if failed != nil {
			errs[i] = d.explain(failed)
			continue
		}
		wg.Go(func() { results[i], errs[i] = d.after(ctx) })
	}
	wg.Wait()
}

// deedOf decides what is to be done for an item.
func (n *Node) deedOf(ctx context.Context, item shoal.ChangeItem) (deed, error) {
	if err := context.Cause(ctx); err != nil {
		return deed{}, err
	}
	switch {
	case item.Move != nil && item.Remove == nil && item.Undelete == nil:
		return n.toMove(ctx, *item.Move)
	case item.Remove != nil && item.Move == nil && item.Undelete == nil:
		return n.toRemove(ctx, *item.Remove)
	case item.Undelete != nil && item.Move == nil && item.Remove == nil:
		return n.toUndelete(ctx, *item.Undelete)
	}
	return deed{}, fmt.Errorf("a change is to move, to remove or to undelete, one of them: %w", shoal.Usage)
}

func (n *Node) toMove(ctx context.Context, req shoal.MoveRequest) (deed, error) {
	if err := n.membership.MayWrite(); err != nil {
		return deed{}, err
	}
	entry, err := n.local(ctx, req.Ref)
	if err != nil {
		return deed{}, err
	}
	if entry.Name == "" { // what a cat left
		return deed{}, shoal.WithHint(fmt.Errorf("file %s has no name: %w", entry.ID.Short(), shoal.NotFound), "`shoal get` it, and add it by a name")
	}
	d := deed{entry: entry, ref: req.Ref, after: func(context.Context) (shoal.Entry, error) { return entry, nil }}
	name := req.Name
	if strings.HasSuffix(name, "/") {
		name += path.Base(entry.Name)
	}
	if name == entry.Name {
		return d, nil
	}
	switch err := n.checkFree(ctx, name, entry.ID); {
	case errors.Is(err, shoal.Exists) && !req.Force:
		return deed{}, shoal.WithHint(err, "--force puts that into the trash")
	case err != nil && !errors.Is(err, shoal.Exists):
		return deed{}, err
	}
	renamed := entry
	renamed.Name, renamed.Conflict = name, false
	d.what, d.puts, d.drops = "rename "+entry.Name, []shoal.Entry{renamed}, []shoal.Entry{entry}
	d.after = func(ctx context.Context) (shoal.Entry, error) { return n.catalog.Resolve(ctx, name) }
	return d, nil
}

func (n *Node) toRemove(ctx context.Context, req shoal.RemoveRequest) (deed, error) {
	entry, err := n.local(ctx, req.Ref)
	if err != nil {
		return deed{}, err
	}
	d := deed{entry: entry, ref: req.Ref, what: "remove " + entry.Name}
	if entry.Name == "" { // only here, without a name: what a cat left
		d.after = func(ctx context.Context) (shoal.Entry, error) { return entry, n.discard(ctx, entry.ID) }
		return d, nil
	}
	if err := n.membership.MayWrite(); err != nil {
		return deed{}, err
	}
	d.drops = []shoal.Entry{entry}
	d.after = func(ctx context.Context) (shoal.Entry, error) { return entry, n.removed(ctx, entry, req) }
	if req.Ref != entry.Name {
		all, err := n.catalog.Of(ctx, entry.ID)
		if err != nil {
			return deed{}, err
		}
		d.drops = all[:min(len(all), catalog.MaxPut)] // the others follow
	}
	return d, nil
}

// removed does what is to be done when a name was removed.
func (n *Node) removed(ctx context.Context, entry shoal.Entry, req shoal.RemoveRequest) error {
	if req.Ref != entry.Name {
		if err := n.dropAll(ctx, entry.ID); err != nil {
			return fmt.Errorf("remove %s: %w", entry.Name, err)
		}
	}
	n.reconciler.post(reconcile.Recheck{Files: []shoal.FileID{entry.ID}})
	if !req.Now {
		return nil
	}
	file, err := n.catalog.FileOf(ctx, entry.ID)
	if err != nil || file.Live {
		return err
	}
	return n.discard(ctx, entry.ID)
}

func (n *Node) toUndelete(ctx context.Context, req shoal.UndeleteRequest) (deed, error) {
	if err := n.membership.MayWrite(); err != nil {
		return deed{}, err
	}
	if link, err := shoal.ParseLink(req.Ref); err == nil {
		req.Ref = link.ID.String()
	}
	removed, err := n.catalog.FromTrash(ctx, req.Ref)
	if err != nil {
		return deed{}, err
	}
	entry := removed.Entry
	entry.Conflict = false
	if req.Name != "" {
		entry.Name = req.Name
	}
	if err := n.checkFree(ctx, entry.Name, entry.ID); err != nil {
		if errors.Is(err, shoal.Exists) {
			err = shoal.WithHint(err, "`--as NAME` has it back under another name")
		}
		return deed{}, err
	}
	return deed{entry: entry, ref: req.Ref, puts: []shoal.Entry{entry}, after: func(ctx context.Context) (shoal.Entry, error) {
		return n.catalog.Resolve(ctx, entry.Name)
	}}, nil
}
