package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"shoal"
	"shoal/internal/sqlite"
)

// strandedSuffix stands behind the name of a catalogue that was set aside.
const strandedSuffix = ".stranded"

// FollowAnew is Follow, but sets a catalogue of a lost journal aside, and begins
// another. RecoverStranded uses the old one. Of two old ones it keeps the older, which
// has more names.
func (c *Catalog) FollowAnew(ctx context.Context, j Journal) error {
	err := c.Follow(ctx, j)
	if !errors.Is(err, ErrStranded) {
		return err
	}
	if err := c.setAside(ctx); err != nil {
		return fmt.Errorf("set the catalogue of another journal aside: %w", err)
	}
	return c.Follow(ctx, j)
}

func (c *Catalog) setAside(ctx context.Context) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	if err := c.data.Close(); err != nil {
		return err
	}
	there, err := c.Stranded()
	if err != nil {
		return err
	}
	if there {
		err = sqlite.Remove(c.path)
	} else {
		err = sqlite.Move(c.path, c.path+strandedSuffix)
	}
	if err != nil {
		return err
	}
	return c.open(ctx)
}

// Stranded reports whether there is a catalogue of a lost journal beside this one,
// whose names were not all recovered.
func (c *Catalog) Stranded() (bool, error) {
	_, err := os.Lstat(c.path + strandedSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// RecoverStranded recovers names from the catalogue that FollowAnew has set aside, and
// then removes it. Without one it does nothing. After an error it may be called
// again, also after a restart.
func (c *Catalog) RecoverStranded(ctx context.Context, by shoal.NodeID) (names int, err error) {
	if there, err := c.Stranded(); err != nil || !there {
		return 0, err
	}
	stranded, err := Open(ctx, c.path+strandedSuffix, c.cfg)
	if err != nil {
		return 0, err
	}
	names, err = c.Recover(ctx, stranded, by)
	if err := errors.Join(err, stranded.Close()); err != nil {
		return names, err
	}
	return names, sqlite.Remove(c.path + strandedSuffix)
}

// Recover says again what a node has said by a journal that is lost, going by the
// catalogue that showed it: the names that the node gave and of which this one has
// heard nothing, not even that they were removed. It returns how many those are.
// It stops at the first error, and may be called again. Errors: as Put.
func (c *Catalog) Recover(ctx context.Context, stranded *Catalog, by shoal.NodeID) (names int, err error) {
	for after := ""; ; {
		page, err := stranded.List(ctx, shoal.ListRequest{After: after, Limit: MaxPut})
		if err != nil || len(page) == 0 {
			return names, err
		}
		after = page[len(page)-1].Name
		var missing []shoal.Entry
		for _, e := range page {
			heard, err := c.hasHeardOf(ctx, e.Name)
			if err != nil {
				return names, err
			}
			if e.By == by && !heard {
				missing = append(missing, e)
			}
		}
		if len(missing) == 0 {
			continue
		}
		if err := c.Put(ctx, missing...); err != nil {
			return names, fmt.Errorf("recover names: %w", err)
		}
		names += len(missing)
	}
}

// hasHeardOf reports whether a name is there, or was.
func (c *Catalog) hasHeardOf(ctx context.Context, name string) (bool, error) {
	found, err := c.named(ctx, name)
	if err != nil || len(found) > 0 {
		return true, err
	}
	_, err = c.FromTrash(ctx, name)
	if errors.Is(err, shoal.NotFound) {
		return false, nil
	}
	return true, err
}
