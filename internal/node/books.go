package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"shoal/internal/catalog"
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/redundancy/trim"
	"shoal/internal/sqlite"
)

// openCatalog opens what the shoal's nodes have said, and the view of it.
func (n *Node) openCatalog(ctx context.Context) (err error) {
	if n.catalog, err = n.openView(ctx, datadir.Catalog); err != nil {
		return err
	}
	n.journal, err = journal.Open(ctx, filepath.Join(n.cfg.Data, datadir.Journal), journal.Config{
		Shoal: n.belongs.Shoal, Key: n.identity, Now: time.Now, Admits: n.admits, Ready: n.mayspeak, Apply: n.heard,
	})
	if err != nil {
		return err
	}
	if err := n.loadRoster(ctx); err != nil {
		return err
	}
	err = n.catalog.Follow(ctx, n.journal)
	if errors.Is(err, catalog.ErrStranded) {
		return n.strand(ctx)
	}
	return err
}

func (n *Node) openView(ctx context.Context, name string) (*catalog.Catalog, error) {
	return catalog.Open(ctx, filepath.Join(n.cfg.Data, name), catalog.Config{
		Now: n.cfg.clock, Trash: cmp.Or(n.cfg.Trash, trim.DefaultTrash), Log: n.cfg.Log,
	})
}

// strand begins the catalogue anew. The one that was shows another journal, which
// is lost; it is kept until what this node said there has been said again.
func (n *Node) strand(ctx context.Context) error {
	if err := n.catalog.Close(); err != nil {
		return err
	}
	path, stranded := filepath.Join(n.cfg.Data, datadir.Catalog), filepath.Join(n.cfg.Data, datadir.Stranded)
	put := func() error { return sqlite.Move(path, stranded) }
	if _, err := os.Lstat(stranded); err == nil {
		put = func() error { return sqlite.Remove(path) } // the older one knows more
	}
	err := put()
	if err != nil {
		return fmt.Errorf("set the catalogue of another journal aside: %w", err)
	}
	if n.catalog, err = n.openView(ctx, datadir.Catalog); err != nil {
		return err
	}
	return n.catalog.Follow(ctx, n.journal)
}

// recoverNames says again what this node said by a journal that is lost, if others
// have not heard it: it is called when they have told what they have. A node that
// does not know the roster would not be heard.
func (n *Node) recoverNames(ctx context.Context) {
	path := filepath.Join(n.cfg.Data, datadir.Stranded)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || n.lost() || !n.roll.node(n.self()).Present() {
		return
	}
	err := n.recoverFrom(ctx, path)
	if err == nil {
		err = sqlite.Remove(path)
	}
	if err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("names of a journal that is lost were not recovered; the next start tries again", "err", err)
	}
}

func (n *Node) recoverFrom(ctx context.Context, path string) (err error) {
	stranded, err := n.openView(ctx, filepath.Base(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stranded.Close()) }()
	names, err := n.catalog.Recover(ctx, stranded, n.self())
	if names > 0 {
		n.cfg.Log.Warn("names of a journal that is lost were recovered from the catalogue", "names", names)
	}
	return err
}
