package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/catalog"
)

// Search finds files by what is in their names. See shoal.Library.
func (n *Node) Search(ctx context.Context, req shoal.SearchRequest) (shoal.SearchPage, error) {
	return n.catalog.Search(ctx, req)
}

// Move renames an entry. See shoal.Library.
func (n *Node) Move(ctx context.Context, req shoal.MoveRequest) (shoal.Entry, error) {
	return n.changeOne(ctx, shoal.ChangeItem{Move: &req})
}

// Remove takes names away. See shoal.Library.
func (n *Node) Remove(ctx context.Context, req shoal.RemoveRequest) (shoal.Entry, error) {
	return n.changeOne(ctx, shoal.ChangeItem{Remove: &req})
}

// Undelete takes a file out of the trash. See shoal.Library.
func (n *Node) Undelete(ctx context.Context, req shoal.UndeleteRequest) (shoal.Entry, error) {
	return n.changeOne(ctx, shoal.ChangeItem{Undelete: &req})
}

// checkNew is an error if nothing is to be called so: what is a link could never
// be asked for by that name.
func checkNew(name string) error {
	if err := shoal.CheckName(name); err != nil {
		return shoal.WithHint(err, "a name is like photos/2024/a.jpg: no slash at its ends, and no . or .. between two")
	}
	if _, err := shoal.ParseLink(name); err == nil {
		return fmt.Errorf("name %q is a link, and would be taken for one: %w", name, shoal.Usage)
	}
	return nil
}

// checkFree is an error if a name is that of another file than id.
func (n *Node) checkFree(ctx context.Context, name string, id shoal.FileID) error {
	if err := checkNew(name); err != nil {
		return err
	}
	there, taken, err := n.catalog.Named(ctx, name)
	if err != nil || !taken || there.ID == id {
		return err
	}
	return fmt.Errorf("%s is another file, of %d bytes: %w", name, there.Size, shoal.Exists)
}

// discard deletes what this node's store has of a file.
func (n *Node) discard(ctx context.Context, id shoal.FileID) error {
	if err := n.store.Delete(ctx, id); err != nil && !errors.Is(err, shoal.NotFound) {
		return fmt.Errorf("delete the chunks of %s: %w", id.Short(), err)
	}
	return nil
}

// dropAll removes every name of a file.
func (n *Node) dropAll(ctx context.Context, id shoal.FileID) error {
	for {
		entries, err := n.catalog.Of(ctx, id)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := n.catalog.Drop(ctx, entries[:min(len(entries), catalog.MaxPut)]...); err != nil {
			return err
		}
	}
}

// Trash lists what can be had back. See shoal.Library.
func (n *Node) Trash(ctx context.Context, prefix string) ([]shoal.Removed, error) {
	return n.catalog.Trash(ctx, prefix)
}
