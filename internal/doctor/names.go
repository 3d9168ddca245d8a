package doctor

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/content"
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/membership/roster"
	"shoal/internal/network/host"
	"shoal/internal/record"
	"shoal/internal/sqlite"
	"shoal/internal/storage/recovery"
)

// names looks at what the nodes have said. The view of it is not looked at: a
// node that finds it damaged makes it anew.
func (d *examination) names(ctx context.Context) error {
	path := filepath.Join(d.data, datadir.Journal)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		d.noJournal()
		return nil
	}
	_, shoalID, err := d.who()
	if errors.Is(err, errUntold) {
		return nil
	}
	if err != nil {
		d.wrong("which shoal this is cannot be told", err)
		return nil
	}
	err = d.journal(ctx, path, shoalID)
	switch {
	case err == nil:
		d.add(true, "", "the journal of names is sound")
		return d.aside(path)
	case !errors.Is(err, sqlite.ErrDamaged):
		d.wrong("the journal of names does not open", err)
		return nil
	case !d.opts.Rebuild:
		d.add(false, shoal.HintOf(err), "the journal of names, %s, is damaged", datadir.Journal)
		return nil
	}
	repaired, err := journal.Repair(ctx, path, shoalID)
	if err != nil {
		return datadir.Explain(d.data, fmt.Errorf("mend the journal: %w", err))
	}
	d.add(true, "", "the journal was damaged and is mended: %d batches were saved, the rest comes from the other nodes; what it was is at %s", repaired.Saved, repaired.Aside)
	return nil
}

// noJournal tells a folder in which nothing was said yet from one whose journal
// is lost.
func (d *examination) noJournal() {
	if _, err := os.Lstat(filepath.Join(d.data, datadir.Shoal)); err != nil {
		d.add(true, "", "there are no names yet")
		return
	}
	d.add(false, "shoal up gets what it said from the other nodes, and what is left from "+datadir.Catalog, "the journal of names, %s, is gone", datadir.Journal)
}

// errUntold means that identity has told already.
var errUntold = errors.New("there is no identity")

// who is the folder's node, and the shoal that it belongs to.
func (d *examination) who() (self, shoalID shoal.NodeID, err error) {
	key, err := host.ReadIdentity(filepath.Join(d.data, datadir.Identity))
	if err != nil {
		return "", "", errUntold
	}
	self = record.NodeOf(key.Public().(ed25519.PublicKey))
	known, err := membership.ReadFolder(d.data)
	if errors.Is(err, fs.ErrNotExist) { // the next start founds one
		return self, self, nil
	}
	return self, known.Shoal, err
}

// journal checks the journal, and tells whether the folder is another than it was.
func (d *examination) journal(ctx context.Context, path string, shoalID shoal.NodeID) error {
	said, err := journal.OpenToRead(ctx, path, shoalID)
	if err != nil {
		return err
	}
	err = errors.Join(said.Check(ctx), said.Close())
	switch {
	case err != nil:
		return err
	case d.opts.Moved:
		return d.settle(ctx, path, shoalID)
	case said.Moved():
		d.add(false, "start it while the others run; if they are gone for good, shoal doctor --moved",
			"the folder was copied, restored or mended: the node will say nothing before more than half of the others have told what they heard from it")
	}
	return nil
}

// settle says that the folder is the node's only one.
func (d *examination) settle(ctx context.Context, path string, shoalID shoal.NodeID) error {
	key, err := host.ReadIdentity(filepath.Join(d.data, datadir.Identity))
	if err != nil {
		return err
	}
	said, err := journal.Open(ctx, path, journal.Config{Shoal: shoalID, Key: key, Now: time.Now})
	if err != nil {
		return err
	}
	if err := errors.Join(said.Settle(ctx), said.Close()); err != nil {
		return err
	}
	d.add(true, "", "the folder is taken for the node's only one: see that no copy of it is started")
	return nil
}

// aside tells of damaged journals that were set aside.
func (d *examination) aside(journalPath string) error {
	damaged, err := sqlite.Aside(journalPath)
	if err != nil {
		return fmt.Errorf("look for damaged journals: %w", err)
	}
	for _, path := range damaged {
		d.add(false, "delete it when you miss no names: until then nothing here is deleted for having none", "%s was damaged, and names may be missing that were in it", path)
	}
	return nil
}

// lone compares the names with the store, where this node is alone in its shoal
// and so should keep everything. With others, each has its part, and the running
// node alone knows which.
func (d *examination) lone(ctx context.Context, look *recovery.Look) error {
	alone, err := d.alone(ctx)
	if err != nil || !alone {
		return err
	}
	names, err := catalog.OpenToRead(ctx, filepath.Join(d.data, datadir.Catalog))
	if err != nil {
		return nil //nolint:nilerr // a start makes it anew, and then it can be told
	}
	wanted, missing, err := missingOf(ctx, names, look)
	if err := errors.Join(err, names.Close()); err != nil {
		return fmt.Errorf("compare the names with the store: %w", err)
	}
	if missing > 0 {
		d.add(false, "add them again from where they came; shoal verify, on the running node, names them", "not all is here of %d of the %d files that this node should keep", missing, wanted)
	} else if wanted > 0 {
		d.add(true, "", "the store has all files that have a name")
	}
	return nil
}

// missingOf counts the files of which copies are wanted, and those that are not
// whole in the store; none where that cannot be told.
func missingOf(ctx context.Context, names *catalog.Catalog, look *recovery.Look) (wanted, missing int, err error) {
	for after := (shoal.FileID{}); ; {
		page, err := names.Files(ctx, after)
		if err != nil || len(page) == 0 {
			return wanted, missing, err
		}
		for _, f := range page {
			if !f.Live || f.Copies == 0 {
				continue
			}
			chunks, ok, err := look.Own(ctx, f.ID)
			if err != nil || !ok {
				return 0, 0, err
			}
			if wanted++; chunks < content.ChunkSize(f.ChunkSize).Chunks(f.Size) {
				missing++
			}
		}
		after = page[len(page)-1].ID
	}
}

// alone reports whether the roster has this node and no other, and it keeps
// copies.
func (d *examination) alone(ctx context.Context) (bool, error) {
	self, shoalID, err := d.who()
	if err != nil {
		return false, nil //nolint:nilerr // it is told elsewhere
	}
	said, err := journal.OpenToRead(ctx, filepath.Join(d.data, datadir.Journal), shoalID)
	if err != nil {
		return false, nil //nolint:nilerr // it is told elsewhere
	}
	batches, err := membership.Batches(ctx, said)
	if err != nil {
		return false, said.Close() // what is wrong with it is told elsewhere
	}
	r := roster.New(shoalID)
	r.Add(batches...)
	present := slices.DeleteFunc(r.Nodes(), func(n roster.Node) bool { return !n.Present() })
	return len(present) == 1 && present[0].ID == self && present[0].Stores(), said.Close()
}
