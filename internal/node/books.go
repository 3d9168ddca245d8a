package node

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"shoal/internal/catalog"
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/redundancy/trim"
)

// openCatalog opens what the shoal's nodes have said, and the view of it.
func (n *Node) openCatalog(ctx context.Context) (err error) {
	n.catalog, err = catalog.Open(ctx, filepath.Join(n.cfg.Data, datadir.Catalog), catalog.Config{
		Now: n.cfg.clock, Trash: cmp.Or(n.cfg.Trash, trim.DefaultTrash), Log: n.cfg.Log,
	})
	if err != nil {
		return err
	}
	n.journal, err = journal.Open(ctx, filepath.Join(n.cfg.Data, datadir.Journal), journal.Config{
		Shoal: n.membership.Folder().Shoal, Key: n.identity, Now: time.Now, Admits: n.membership.Hears, Ready: n.membership.MaySpeak, Apply: n.heard,
	})
	if err != nil {
		return err
	}
	if err := n.membership.Load(ctx, n.journal); err != nil {
		return err
	}
	return n.catalog.FollowAnew(ctx, n.journal)
}

// recoverNames says again what this node said by a journal that is lost, if others
// have not heard it: it is called when they have told what they have. A node that
// does not know the roster would not be heard.
func (n *Node) recoverNames(ctx context.Context) {
	if n.membership.Lost() || !n.membership.Present() {
		return
	}
	names, err := n.catalog.RecoverStranded(ctx, n.self())
	if names > 0 {
		n.cfg.Log.Warn("names of a journal that is lost were recovered from the catalogue", "names", names)
	}
	if err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("names of a journal that is lost were not recovered; the next start tries again", "err", err)
	}
}
