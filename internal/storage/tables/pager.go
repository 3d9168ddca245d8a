package tables

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"shoal"
	"shoal/internal/sqlite"
)

// PageRows is how many rows are read from a database at a time.
const PageRows = 512

// Pager walks through a table page by page, so that nothing is held meanwhile. It
// is for one goroutine.
type Pager struct {
	// Read gives the rows of at most limit files whose ids are behind after, in
	// order of id.
	Read func(ctx context.Context, after []byte, limit int) ([]Row, error)

	page  []Row
	after []byte
	done  bool
}

// Peek is the next row, or nil at the end.
func (p *Pager) Peek(ctx context.Context) (*Row, error) {
	if len(p.page) == 0 && !p.done {
		if p.after == nil {
			p.after = []byte{} // NULL is not before anything
		}
		page, err := p.Read(ctx, p.after, PageRows)
		if err != nil {
			return nil, err
		}
		p.page, p.done = page, len(page) < PageRows
	}
	if len(p.page) == 0 {
		return nil, nil
	}
	return &p.page[0], nil
}

// Take gives the row that Peek showed, and goes on to the next.
func (p *Pager) Take() Row {
	r := p.page[0]
	p.page, p.after = p.page[1:], bytes.Clone(r.ID[:])
	return r
}

// readPage runs one of the queries that page through a table.
func readPage(ctx context.Context, d *sqlite.DB, query string, after []byte, limit int) ([]Row, error) {
	found, err := d.QueryContext(ctx, query, after, limit)
	if err != nil {
		return nil, d.Explain(err)
	}
	defer found.Close()
	var page []Row
	for found.Next() {
		r, err := scanRow(found)
		if err != nil {
			return nil, d.Explain(err)
		}
		page = append(page, r)
	}
	return page, d.Explain(found.Err())
}

func scanRow(found *sql.Rows) (Row, error) {
	var r Row
	var id []byte
	if err := found.Scan(&id, &r.Size, &r.ChunkSize, &r.Present, &r.Bits); err != nil {
		return r, err
	}
	if len(id) != shoal.FileIDSize {
		return r, fmt.Errorf("%w: an id has %d bytes", sqlite.ErrDamaged, len(id))
	}
	r.ID = shoal.FileID(id)
	return r, r.Check()
}

// Sum is one of the queries that sum up a table.
type Sum string

// How many rows there are, and how many bytes they stand for.
const (
	LargeFiles Sum = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM files" // in the index
	SmallFiles Sum = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM small" // in the records
	Links      Sum = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM links" // in the records
)

// Of sums up the table in a database. It reads all of the table.
func (s Sum) Of(ctx context.Context, d *sqlite.DB) (count int, stored int64, err error) {
	err = d.Row(ctx, string(s), nil, &count, &stored)
	return count, stored, err
}

// sumIn does so in a database that is mended if it is damaged.
func (s Sum) sumIn(ctx context.Context, m *sqlite.Mendable) (count int, stored int64, err error) {
	err = m.Do(ctx, func(d *sqlite.DB) (err error) {
		count, stored, err = s.Of(ctx, d)
		return err
	})
	return count, stored, err
}
