package catalog

import (
	"context"
	"fmt"
	"strings"

	"shoal"
)

// end follows every name that starts with prefix, for 0xff is in no UTF-8.
func end(prefix string) string { return prefix + "\xff" }

// behind is the first text that follows name, in the order of bytes.
func behind(name string) string { return name + "\x00" }

// latestIn gives the latest entry of each name in a range. Beside max() SQLite
// takes the other columns from the row that has the maximum
// (sqlite.org/lang_select.html, "bare columns in an aggregate query").
const latestIn = `SELECT max(seq), name, id, size, chunk, added FROM entries
WHERE name >= ? AND name < ? GROUP BY name ORDER BY name LIMIT ?`

// List gives, in order of their bytes, the latest entry of each name that
// starts with req.Prefix and follows req.After: at most req.Limit of them, and
// at most shoal.MaxList, which 0 also means. A negative limit is shoal.Usage.
func (c *Catalog) List(ctx context.Context, req shoal.ListRequest) ([]shoal.Entry, error) {
	limit, err := checkLimit(req.Limit)
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	from := req.Prefix
	if req.After != "" {
		from = max(from, behind(req.After))
	}
	return c.query(ctx, latestIn, from, end(req.Prefix), limit)
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
// in a slash, these are all below it, as List gives them. Else it is the latest
// entry of exactly that name; or, when there is none and name has no
// slash, the latest of the one name whose last element it is ("movie.iso" finds
// "isos/movie.iso", if no other folder has one). Nothing found is no error. name
// and after are foreign: any text.
func (c *Catalog) Match(ctx context.Context, name, after string, limit int) ([]shoal.Entry, error) {
	if strings.HasSuffix(name, "/") {
		return c.List(ctx, shoal.ListRequest{Prefix: name, After: after, Limit: limit})
	}
	found, err := c.latest(ctx, name)
	if err != nil || len(found) > 0 {
		return found, err
	}
	return c.soleBase(ctx, name)
}

// latest is the latest entry of that name, if there is one.
func (c *Catalog) latest(ctx context.Context, name string) ([]shoal.Entry, error) {
	return c.query(ctx, versions, name, 1)
}

const withBase = `SELECT max(seq), name, id, size, chunk, added FROM entries WHERE base = ? GROUP BY name LIMIT 2`

// soleBase is the latest entry of the one name whose last element is base;
// nothing if there is none, or more than one.
func (c *Catalog) soleBase(ctx context.Context, base string) ([]shoal.Entry, error) {
	found, err := c.query(ctx, withBase, base)
	if len(found) > 1 {
		return nil, err
	}
	return found, err
}

const versions = `SELECT seq, name, id, size, chunk, added FROM entries WHERE name = ? ORDER BY seq DESC LIMIT ?`

// Versions gives every entry of one name, the latest first, at most
// shoal.MaxList of them; none is no error.
func (c *Catalog) Versions(ctx context.Context, name string) ([]shoal.Entry, error) {
	return c.query(ctx, versions, name, shoal.MaxList)
}

const ofFile = `SELECT seq, name, id, size, chunk, added FROM entries WHERE id = ? ORDER BY seq DESC LIMIT ?`

// Names gives every name of one file, the latest first, at most shoal.MaxList
// of them; none is no error. Some may mean another file by now.
func (c *Catalog) Names(ctx context.Context, id shoal.FileID) ([]string, error) {
	entries, err := c.query(ctx, ofFile, id[:], shoal.MaxList)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name)
	}
	return names, err
}

// Len is how many entries there are.
func (c *Catalog) Len(ctx context.Context) (int, error) {
	var n int
	if err := c.data.readers.QueryRowContext(ctx, "SELECT count(*) FROM entries").Scan(&n); err != nil {
		return 0, fmt.Errorf("count the catalogue's entries: %w", explain(err))
	}
	return n, nil
}

func (c *Catalog) query(ctx context.Context, query string, args ...any) ([]shoal.Entry, error) {
	entries, err := scanEntries(c.data.readers.QueryContext(ctx, query, args...))
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", explain(err))
	}
	return entries, nil
}
