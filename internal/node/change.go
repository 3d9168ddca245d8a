package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/batch"
	"shoal/internal/catalog"
	"shoal/internal/catalog/change"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/storage/disk"
)

// newChanger returns the changer of this node's names.
func newChanger(c *core, r *reconciler) *change.Changer {
	tell := func(id shoal.FileID) { r.post(reconcile.Recheck{Files: []shoal.FileID{id}}) }
	a := &aftermath{store: c.store, catalog: c.catalog, tell: tell}
	return change.New(change.Config{Catalog: c.catalog, MayWrite: c.membership.MayWrite, Unnamed: a.unnamed, After: a.changed})
}

// Change does several things to names. See shoal.Library.
func (n *Node) Change(ctx context.Context, req shoal.ChangeRequest, watch func(shoal.Event)) error {
	if len(req.Items) > shoal.MaxItems {
		return fmt.Errorf("%d changes in one request, at most %d are allowed: %w", len(req.Items), shoal.MaxItems, shoal.Usage)
	}
	ctx, done := n.work(ctx)
	defer done()
	b := batch.New(watch)
	n.changer.Many(ctx, req.Items, func(item int, e shoal.Entry, err error) {
		event := shoal.Event{Item: item, File: e.ID, Name: e.Name}
		if e.ID != (shoal.FileID{}) {
			event.Entry = &e
		}
		b.End(event, err)
	})
	return b.Wait()
}

// Move renames an entry. See shoal.Library.
func (n *Node) Move(ctx context.Context, req shoal.MoveRequest) (shoal.Entry, error) {
	return n.changer.One(ctx, shoal.ChangeItem{Move: &req})
}

// Remove takes names away. See shoal.Library.
func (n *Node) Remove(ctx context.Context, req shoal.RemoveRequest) (shoal.Entry, error) {
	return n.changer.One(ctx, shoal.ChangeItem{Remove: &req})
}

// Undelete takes a file out of the trash. See shoal.Library.
func (n *Node) Undelete(ctx context.Context, req shoal.UndeleteRequest) (shoal.Entry, error) {
	return n.changer.One(ctx, shoal.ChangeItem{Undelete: &req})
}

// aftermath acts on this node on changes of names.
type aftermath struct {
	store   *disk.Store
	catalog *catalog.Catalog
	tell    func(shoal.FileID) // the reconciler, that the names of a file changed
}

// changed acts on a change that was written, and returns the entry as it is now.
func (a *aftermath) changed(ctx context.Context, op change.Op) (shoal.Entry, error) {
	switch {
	case op.Name != "":
		return a.catalog.Resolve(ctx, op.Name)
	case op.Remove == nil:
		return op.Entry, nil
	case op.Entry.Name == "": // it had no name, only chunks
		return op.Entry, a.discard(ctx, op.Entry.ID)
	}
	return op.Entry, a.removed(ctx, op)
}

// removed acts on a removal: the other names of the file go too if it was removed
// as a whole, and its chunks at once if that was asked for.
func (a *aftermath) removed(ctx context.Context, op change.Op) error {
	entry := op.Entry
	if op.Whole() {
		if err := a.catalog.DropAll(ctx, entry.ID); err != nil {
			return fmt.Errorf("remove %s: %w", entry.Name, err)
		}
	}
	a.tell(entry.ID)
	if !op.Remove.Now {
		return nil
	}
	file, err := a.catalog.FileOf(ctx, entry.ID)
	if err != nil || file.Live {
		return err
	}
	return a.discard(ctx, entry.ID)
}

// discard deletes the chunks of a file from this node's store.
func (a *aftermath) discard(ctx context.Context, id shoal.FileID) error {
	if err := a.store.Delete(ctx, id); err != nil && !errors.Is(err, shoal.NotFound) {
		return fmt.Errorf("delete the chunks of %s: %w", id.Short(), err)
	}
	return nil
}

// unnamed returns a file that is in the store without a name, as a cat leaves it.
func (a *aftermath) unnamed(ctx context.Context, id shoal.FileID) (shoal.Entry, error) {
	file, err := a.store.File(ctx, id)
	return shoal.Entry{ID: id, Size: file.Size, ChunkSize: int(file.ChunkSize)}, err
}
