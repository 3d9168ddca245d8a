package change

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"shoal"
)

// plan decides on the entries to write for an item.
func (c *Changer) plan(ctx context.Context, item shoal.ChangeItem) (Op, error) {
	if err := context.Cause(ctx); err != nil {
		return Op{}, err
	}
	switch {
	case item.Move != nil && item.Remove == nil && item.Undelete == nil:
		return c.move(ctx, *item.Move)
	case item.Remove != nil && item.Move == nil && item.Undelete == nil:
		return c.remove(ctx, *item.Remove)
	case item.Undelete != nil && item.Move == nil && item.Remove == nil:
		return c.undelete(ctx, *item.Undelete)
	}
	return Op{}, fmt.Errorf("a change is to move, to remove or to undelete, one of them: %w", shoal.Usage)
}

func (c *Changer) move(ctx context.Context, req shoal.MoveRequest) (Op, error) {
	if err := c.cfg.MayWrite(); err != nil {
		return Op{}, err
	}
	entry, err := c.Find(ctx, req.Ref)
	if err != nil {
		return Op{}, err
	}
	if entry.Name == "" { // left by a cat
		return Op{}, shoal.WithHint(fmt.Errorf("file %s has no name: %w", entry.ID.Short(), shoal.NotFound), "`shoal get` it, and add it by a name")
	}
	name := req.Name
	if strings.HasSuffix(name, "/") {
		name += path.Base(entry.Name)
	}
	if name == entry.Name {
		return Op{Entry: entry, ref: req.Ref}, nil
	}
	switch err := c.checkFree(ctx, name, entry.ID); {
	case errors.Is(err, shoal.Exists) && !req.Force:
		return Op{}, shoal.WithHint(err, "--force puts that into the trash")
	case err != nil && !errors.Is(err, shoal.Exists):
		return Op{}, err
	}
	renamed := entry
	renamed.Name, renamed.Conflict = name, false
	return Op{
		Entry: entry, Puts: []shoal.Entry{renamed}, Drops: []shoal.Entry{entry}, Name: name,
		ref: req.Ref, what: "rename " + entry.Name,
	}, nil
}

func (c *Changer) remove(ctx context.Context, req shoal.RemoveRequest) (Op, error) {
	entry, err := c.Find(ctx, req.Ref)
	if err != nil {
		return Op{}, err
	}
	op := Op{Entry: entry, Remove: &req, ref: req.Ref, what: "remove " + entry.Name}
	if entry.Name == "" { // only here, without a name: left by a cat
		return op, nil
	}
	if err := c.cfg.MayWrite(); err != nil {
		return Op{}, err
	}
	op.Drops = []shoal.Entry{entry}
	if op.Whole() {
		all, err := c.cfg.Catalog.Of(ctx, entry.ID)
		if err != nil {
			return Op{}, err
		}
		op.Drops = all[:min(len(all), maxWrite)] // the others follow
	}
	return op, nil
}

func (c *Changer) undelete(ctx context.Context, req shoal.UndeleteRequest) (Op, error) {
	if err := c.cfg.MayWrite(); err != nil {
		return Op{}, err
	}
	if link, err := shoal.ParseLink(req.Ref); err == nil {
		req.Ref = link.ID.String()
	}
	removed, err := c.cfg.Catalog.FromTrash(ctx, req.Ref)
	if err != nil {
		return Op{}, err
	}
	entry := removed.Entry
	entry.Conflict = false
	if req.Name != "" {
		entry.Name = req.Name
	}
	if err := c.checkFree(ctx, entry.Name, entry.ID); err != nil {
		if errors.Is(err, shoal.Exists) {
			err = shoal.WithHint(err, "`--as NAME` has it back under another name")
		}
		return Op{}, err
	}
	return Op{Entry: entry, Puts: []shoal.Entry{entry}, Name: entry.Name, ref: req.Ref}, nil
}

// checkFree returns shoal.Exists if a name is that of another file than id.
func (c *Changer) checkFree(ctx context.Context, name string, id shoal.FileID) error {
	if err := CheckName(name); err != nil {
		return err
	}
	there, taken, err := c.cfg.Catalog.Named(ctx, name)
	if err != nil || !taken || there.ID == id {
		return err
	}
	return fmt.Errorf("%s is another file, of %d bytes: %w", name, there.Size, shoal.Exists)
}
