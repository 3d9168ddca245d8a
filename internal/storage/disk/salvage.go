package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/content"
)

// salvageRows is how many rows are saved in one transaction: at most 8 MiB of
// small files.
const salvageRows = 512

// salvaged is what could be saved of damaged records.
type salvaged struct {
	small int // files
	links int
	lost  int // rows that an index still names and that cannot be read
}

// salvage copies from damaged records to new ones all that can still be read,
// and of the small files what verifies. What a broken tree does not lead to any
// more is looked for in all pages of the file at path.
func salvage(ctx context.Context, path string, from, to database) (salvaged, error) {
	small := &rescue{
		from: from, to: to, keep: scanSmall,
		table: "SELECT id, size, chunk, present, bits, list, data FROM small NOT INDEXED ORDER BY rowid %s",
		keys:  "SELECT id, '' FROM small INDEXED BY sqlite_autoindex_small_1 ORDER BY id %s",
		one:   "SELECT id, size, chunk, present, bits, list, data FROM small WHERE id = ?1 AND '' = ?2",
		known: "SELECT COUNT(*) FROM small WHERE id = ?1 AND '' = ?2",
	}
	links := &rescue{
		from: from, to: to, keep: scanLink,
		table: "SELECT " + linkFacts + " FROM links NOT INDEXED ORDER BY path %s, id %[1]s",
		keys:  "SELECT id, path FROM links INDEXED BY links_by_id ORDER BY id %s, path %[1]s",
		one:   "SELECT " + linkFacts + " FROM links WHERE id = ?1 AND path = ?2",
		known: "SELECT COUNT(*) FROM links WHERE id = ?1 AND path = ?2",
	}
	if from.DB == nil { // SQLite does not even open it
		err := small.fromPages(ctx, path)
		return salvaged{small: small.saved}, err
	}
	named, err := small.run(ctx)
	if err == nil && !named {
		err = small.fromPages(ctx, path)
		if err == nil {
			_, err = small.byKeys(ctx) // and count again what is still missing
		}
	}
	if err == nil {
		_, err = links.run(ctx)
	}
	return salvaged{small: small.saved, links: links.saved, lost: small.lost + links.lost}, err
}

// putting writes one row into the new records.
type putting func(context.Context, recordsTx) error

// rescue saves one table. Queries with %s are asked in either order.
type rescue struct {
	from, to database
	table    string                          // all rows, in the table's own order
	keys     string                          // the id and the path of all rows, from an index
	one      string                          // the row with such a key
	known    string                          // how many of that key are saved
	keep     func(*sql.Rows) (putting, bool) // reads a row, and reports whether it is of any use

	batch       []putting
	saved, lost int
}

// run reads the table from either end up to the damage, and what lies between
// by its key, a row at a time. It reports whether that is every row that could be
// reached by its key.
func (r *rescue) run(ctx context.Context) (all bool, err error) {
	for _, order := range []string{"ASC", "DESC"} {
		whole, err := r.rows(ctx, fmt.Sprintf(r.table, order))
		if whole || err != nil {
			return true, err
		}
	}
	return r.byKeys(ctx)
}

func (r *rescue) byKeys(ctx context.Context) (all bool, err error) {
	r.lost = 0
	for _, order := range []string{"ASC", "DESC"} {
		whole, err := r.byKey(ctx, fmt.Sprintf(r.keys, order))
		if whole || err != nil {
			return r.lost == 0, err
		}
	}
	return false, nil
}

// rows saves the rows that a query gives, and reports whether it gave them all.
// An error is of the new records, or of ctx.
func (r *rescue) rows(ctx context.Context, query string, args ...any) (whole bool, err error) {
	found, err := r.from.QueryContext(ctx, query, args...)
	if err != nil {
		return false, ctx.Err() // damage is what is expected here
	}
	defer found.Close()
	for found.Next() {
		if put, ok := r.keep(found); ok {
			r.batch = append(r.batch, put)
		}
		if len(r.batch) == salvageRows {
			if err := r.flush(ctx); err != nil {
				return false, err
			}
		}
	}
	whole = found.Err() == nil
	return whole, errors.Join(ctx.Err(), r.flush(ctx))
}

// byKey saves the rows that an index names and that are not saved yet.
func (r *rescue) byKey(ctx context.Context, query string) (whole bool, err error) {
	found, err := r.from.QueryContext(ctx, query)
	if err != nil {
		return false, ctx.Err()
	}
	defer found.Close()
	for found.Next() {
		var id []byte
		var path string
		if found.Scan(&id, &path) != nil {
			continue
		}
		var known int
		if err := r.to.row(ctx, r.known, []any{id, path}, &known); err != nil {
			return false, err
		}
		if known > 0 {
			continue
		}
		before := r.saved
		if _, err := r.rows(ctx, r.one, id, path); err != nil {
			return false, err
		}
		if r.saved == before {
			r.lost++
		}
	}
	return found.Err() == nil, ctx.Err()
}

// flush writes what was read.
func (r *rescue) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	err := r.to.write(ctx, func(tx *sql.Tx) error {
		batch, err := beginRecords(ctx, tx)
		if err != nil {
			return err
		}
		for _, put := range r.batch {
			if err := put(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
	r.saved += len(r.batch)
	r.batch = r.batch[:0]
	return err
}

// scanSmall reads a small file.
func scanSmall(found *sql.Rows) (putting, bool) {
	var r smallRow
	var id []byte
	if found.Scan(&id, &r.size, &r.chunkSize, &r.present, &r.bits, &r.list, &r.data) != nil || len(id) != shoal.FileIDSize {
		return nil, false
	}
	r.id = shoal.FileID(id)
	return keepSmall(r)
}

// keepSmall keeps of a small file what verifies: its bytes prove themselves,
// whatever else the row says.
func keepSmall(r smallRow) (putting, bool) {
	if r.check() != nil {
		return nil, false
	}
	c, err := r.file()
	if err != nil {
		return nil, false
	}
	bits := content.NewBitmap(c.Chunks())
	for i := range c.Chunks() {
		from, to := c.ChunkOffset(i), c.ChunkOffset(i)+int64(c.ChunkLen(i))
		if to <= int64(len(r.data)) && c.Verify(i, r.data[from:to]) == nil {
			bits.Set(i)
		}
	}
	if bits.Count() == 0 && r.present > 0 {
		return nil, false
	}
	return func(ctx context.Context, to recordsTx) error { return to.putSmall(ctx, c, bits, notNull(r.data)) }, true
}

// linkFacts are the columns of a link but for its sums. Those are left behind:
// its chunks are verified by their hash when they are read.
const linkFacts = "path, id, target, device, inode, size, mtime, present, stored, bits"

// scanLink reads a link.
func scanLink(found *sql.Rows) (putting, bool) {
	var path, target string
	var id, bits []byte
	var device, inode, size, mtime, present, stored int64
	err := found.Scan(&path, &id, &target, &device, &inode, &size, &mtime, &present, &stored, &bits)
	if err != nil || len(id) != shoal.FileIDSize || path == "" {
		return nil, false
	}
	return func(ctx context.Context, to recordsTx) error {
		_, err := to.link.ExecContext(ctx, path, id, target, device, inode, size, mtime, present, stored, notNull(bits), []byte{})
		return err
	}, true
}

// notNull is a blob as it is written: an empty one is read as nil.
func notNull(b []byte) []byte { return append([]byte{}, b...) }
