package catalog

import (
	"context"
	"errors"
	"fmt"

	"shoal"
)

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
