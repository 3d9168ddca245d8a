package tables

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"shoal"
	"shoal/internal/sqlite"
)

// PageRows is the number of rows in one read.
const PageRows = 512

// Pager reads a table page by page, and holds no connection between pages. It is for
// one goroutine.
type Pager struct {
	// Read returns the rows of at most limit files with ids greater than after, in
	// order of id.
	Read func(ctx context.Context, after []byte, limit int) ([]Row, error)

	page  []Row
	after []byte
	done  bool
}

// Peek returns the next row, or nil at the end. Errors: those of Read.
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

// Take returns the row of the last Peek, and moves on to the next row.
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

// The queries: the number of rows, and the bytes of their durable chunks.
const (
	LargeFiles Sum = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM files" // in the index
	SmallFiles Sum = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM small" // in the records
	Links      Sum = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM links" // in the records
)

// Of runs the query on a database. It reads the whole table.
func (s Sum) Of(ctx context.Context, d *sqlite.DB) (count int, stored int64, err error) {
	err = d.Row(ctx, string(s), nil, &count, &stored)
	return count, stored, err
}

// sumIn runs the query on a database that is mended if it is damaged.
func (s Sum) sumIn(ctx context.Context, m *sqlite.Mendable) (count int, stored int64, err error) {
	err = m.Do(ctx, func(d *sqlite.DB) (err error) {
		count, stored, err = s.Of(ctx, d)
		return err
	})
	return count, stored, err
}
