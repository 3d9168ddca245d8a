package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
)

// end follows every name that starts with prefix, for 0xff is in no UTF-8.
func end(prefix string) string { return prefix + "\xff" }

// following is the first text that follows name, in the order of bytes.
func following(name string) string { return name + "\x00" }

// visibleIn gives the entries whose names are in a range, in their order.
const visibleIn = "SELECT " + entryColumns + fromVersions + `
WHERE v.state <= 1 AND coalesce(v.shown, v.name) >= ? AND coalesce(v.shown, v.name) < ? ORDER BY coalesce(v.shown, v.name) LIMIT ?`

// List gives, in order of their bytes, the entries whose names start with
// req.Prefix and follow req.After: at most req.Limit of them, and at most
// shoal.MaxList, which 0 also means. A negative limit is shoal.Usage.
func (c *Catalog) List(ctx context.Context, req shoal.ListRequest) ([]shoal.Entry, error) {
	limit, err := checkLimit(req.Limit)
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	from := req.Prefix
	if req.After != "" {
		from = max(from, following(req.After))
	}
	return c.query(ctx, visibleIn, from, end(req.Prefix), limit)
}

func checkLimit(limit int) (int, error) {
	switch {
	case limit < 0:
		return 0, fmt.Errorf("limit %d is negative: %w", limit, shoal.Usage)
	case limit == 0:
		return shoal.MaxList, nil
	}
	return min(limit, shoal.MaxList), nil
}

// Match gives the entries that answer a peer who asks for a name. If name ends
// in a slash, these are all below it, as List gives them. Else it is the entry
// of exactly that name; or, when there is none and name has no slash, the one
// whose last element it is ("movie.iso" finds "isos/movie.iso", if no other
// folder has one). Nothing found is no error. name and after are foreign:
// any text.
func (c *Catalog) Match(ctx context.Context, name, after string, limit int) ([]shoal.Entry, error) {
	if strings.HasSuffix(name, "/") {
		return c.List(ctx, shoal.ListRequest{Prefix: name, After: after, Limit: limit})
	}
	found, err := c.named(ctx, name)
	if err != nil || len(found) > 0 {
		return found, err
	}
	return c.soleBase(ctx, name)
}

// Named gives the entry of exactly that name, if there is one.
func (c *Catalog) Named(ctx context.Context, name string) (e shoal.Entry, found bool, err error) {
	entries, err := c.named(ctx, name)
	if err != nil || len(entries) == 0 {
		return shoal.Entry{}, false, err
	}
	return entries[0], true, nil
}

// named is the entry of that name, if there is one.
func (c *Catalog) named(ctx context.Context, name string) ([]shoal.Entry, error) {
	return c.query(ctx, "SELECT "+entryColumns+fromVersions+"WHERE v.state <= 1 AND coalesce(v.shown, v.name) = ? LIMIT 1", name)
}

// soleBase is the entry of the one name whose last element is base; nothing if
// there is none, or more than one.
func (c *Catalog) soleBase(ctx context.Context, base string) ([]shoal.Entry, error) {
	if shoal.CheckName(base) != nil || strings.Contains(base, "/") {
		return nil, nil
	}
	var found []shoal.Entry
	err := c.scan(ctx, query{words: []string{"/" + base}}, func(e shoal.Entry, _ int64) bool {
		if strings.HasSuffix(e.Name, "/"+base) {
			found = append(found, e)
		}
		return len(found) < 2
	})
	if len(found) > 1 {
		return nil, err
	}
	return found, err
}

const ofFile = "SELECT " + entryColumns + fromVersions + "WHERE v.file = ? AND v.state <= 1 ORDER BY v.stamp DESC LIMIT ?"

// Of gives the entries of one file, the latest first, at most shoal.MaxList of
// them; none is no error.
func (c *Catalog) Of(ctx context.Context, id shoal.FileID) ([]shoal.Entry, error) {
	return c.query(ctx, ofFile, id[:], shoal.MaxList)
}

// Len is how many entries there are.
func (c *Catalog) Len(ctx context.Context) (int, error) {
	var n int
	if err := c.data.Readers.QueryRowContext(ctx, "SELECT count(*) FROM versions WHERE state <= 1").Scan(&n); err != nil {
		return 0, fmt.Errorf("count the catalogue's entries: %w", c.data.Explain(err))
	}
	return n, nil
}

// Conflicts is how many names were given several files at the same time.
func (c *Catalog) Conflicts(ctx context.Context) (n int, err error) {
	const count = "SELECT count(DISTINCT name) FROM versions WHERE state >= 1 AND state <= 3 AND state = 1" // as the index has it
	if err := c.data.Readers.QueryRowContext(ctx, count).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the conflicts: %w", c.data.Explain(err))
	}
	return n, nil
}

// Beside gives the entries that have the name of another, or would have it if
// that were not in conflict with them.
func (c *Catalog) Beside(ctx context.Context, e shoal.Entry) ([]shoal.Entry, error) {
	name := e.Name
	if e.Conflict {
		var err error
		if name, err = c.conflictOf(e); err != nil {
			return nil, err
		}
	}
	const ofName = "SELECT " + entryColumns + fromVersions + "WHERE v.name = ? AND v.state <= 1 AND v.file <> ? ORDER BY v.stamp DESC LIMIT ?"
	return c.query(ctx, ofName, name, e.ID[:], merge.MaxOver)
}

// conflictOf is the name that the version shown as e, which is in conflict, was
// written under.
func (c *Catalog) conflictOf(e shoal.Entry) (string, error) {
	var name string
	row := c.data.Readers.QueryRowContext(context.Background(), "SELECT name FROM versions WHERE state = 1 AND shown = ? AND file = ?", e.Name, e.ID[:])
	if err := row.Scan(&name); err != nil {
		return e.Name, nil //nolint:nilerr // no longer in conflict: then it has that name, or none
	}
	return name, nil
}

func (c *Catalog) query(ctx context.Context, query string, args ...any) ([]shoal.Entry, error) {
	var entries []shoal.Entry
	err := c.rows(ctx, query, args, func(rows *sql.Rows) error {
		e, err := scanEntry(rows)
		entries = append(entries, e)
		return err
	})
	return entries, err
}

// rows runs a query, one of the few that are written here, and reads every row
// of it.
func (c *Catalog) rows(ctx context.Context, query string, args []any, read func(*sql.Rows) error) error {
	rows, err := c.data.QueryContext(ctx, query, args...)
	if err == nil {
		for err == nil && rows.Next() {
			err = read(rows)
		}
		err = errors.Join(err, rows.Err(), rows.Close())
	}
	if err != nil {
		return fmt.Errorf("read the catalogue: %w", c.data.Explain(err))
	}
	return nil
}

func timeOf(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
