package recovery

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
)

// salvageRows is the number of rows in one transaction: at most 8 MiB of small
// files.
const salvageRows = 512

// salvaged counts the rows that were saved from damaged records.
type salvaged struct {
	small int // files
	links int
	lost  int // rows in an index that are unreadable
}

// salvage copies all readable links, and the chunks of small files that verify, from
// damaged records to new ones. It searches all pages of the file at path for rows
// that a broken tree does not reach.
func salvage(ctx context.Context, path string, from, to *sqlite.DB) (salvaged, error) {
	if from == nil { // SQLite does not even open it
		small := &rescue{to: to}
		err := small.fromPages(ctx, path)
		return salvaged{small: small.saved}, err
	}
	small, links := smallFiles(from, to), links(from, to)
	all, err := small.run(ctx)
	if err == nil && !all {
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
type putting func(context.Context, tables.Batch) error

// rescue copies one table.
type rescue struct {
	from        sqlite.Salvage // without Keep and Known
	to          *sqlite.DB
	known       string                          // the query that counts saved rows with a key
	keep        func(*sql.Rows) (putting, bool) // parses a row, and reports whether it is valid
	batch       []putting
	saved, lost int
}

// The queries that count the saved small files, or links, with a key.
const (
	smallKnown = "SELECT COUNT(*) FROM small WHERE id = ?1 AND '' = ?2"
	linkKnown  = "SELECT COUNT(*) FROM links WHERE id = ?1 AND path = ?2"
)

func smallFiles(from, to *sqlite.DB) *rescue {
	return &rescue{to: to, keep: scanSmall, known: smallKnown, from: sqlite.Salvage{
		From: from.Readers,
		All:  "SELECT id, size, chunk, present, bits, list, data FROM small NOT INDEXED ORDER BY rowid %s",
		Keys: "SELECT id, '' FROM small INDEXED BY sqlite_autoindex_small_1 ORDER BY id %s",
		One:  "SELECT id, size, chunk, present, bits, list, data FROM small WHERE id = ?1 AND '' = ?2",
	}}
}

func links(from, to *sqlite.DB) *rescue {
	return &rescue{to: to, keep: scanLink, known: linkKnown, from: sqlite.Salvage{
		From: from.Readers,
		All:  "SELECT " + linkFacts + " FROM links NOT INDEXED ORDER BY path %s, id %[1]s",
		Keys: "SELECT id, path FROM links INDEXED BY links_by_id ORDER BY id %s, path %[1]s",
		One:  "SELECT " + linkFacts + " FROM links WHERE id = ?1 AND path = ?2",
	}}
}

// run copies the rows from both ends up to the damage, and the rows between by their
// keys. It reports whether it reached every row of the index.
func (r *rescue) run(ctx context.Context) (all bool, err error) {
	all, err = r.table(ctx).Rows(ctx)
	if err := errors.Join(err, r.flush(ctx)); all || err != nil {
		return true, err
	}
	return r.byKeys(ctx)
}

func (r *rescue) byKeys(ctx context.Context) (all bool, err error) {
	r.lost, all, err = r.table(ctx).ByKey(ctx)
	return all && r.lost == 0, errors.Join(err, r.flush(ctx))
}

// table returns the damaged table with Keep and Known.
func (r *rescue) table(ctx context.Context) sqlite.Salvage {
	table := r.from
	table.Keep = func(row *sql.Rows) (bool, error) {
		put, ok := r.keep(row)
		if !ok {
			return false, nil
		}
		return true, r.take(ctx, put)
	}
	table.Known = func(key []any) (bool, error) { return r.has(ctx, key) }
	return table
}

// has reports whether the new records have the row with a key.
func (r *rescue) has(ctx context.Context, key []any) (bool, error) {
	if err := r.flush(ctx); err != nil {
		return false, err
	}
	var known int
	err := r.to.Row(ctx, r.known, key, &known)
	return known > 0, err
}

// take adds a row to the batch.
func (r *rescue) take(ctx context.Context, put putting) error {
	r.batch = append(r.batch, put)
	if len(r.batch) < salvageRows {
		return nil
	}
	return r.flush(ctx)
}

// flush writes the batch.
func (r *rescue) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	err := r.to.Transact(ctx, func(tx *sql.Tx) error {
		batch, err := tables.NewBatch(ctx, tx)
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

// The bounds of a small file's row in a page.
const (
	maxSmallRow  = layout.SmallFile + layout.SmallFile/8 + 96 // with its hash list, and room for the numbers
	smallColumns = 8
)

// fromPages saves small files from all pages of a damaged database. Deleted files may
// be among them; they have no name, and the node deletes them again.
func (r *rescue) fromPages(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the file was deleted in use
	}
	if err != nil {
		return err
	}
	defer file.Close()
	err = sqlite.Pages{File: file, MaxRow: maxSmallRow}.Rows(ctx, smallColumns, func(row []sqlite.Column) error {
		small, ok := parseSmall(row)
		if !ok {
			return nil
		}
		return r.keepNew(ctx, small)
	})
	return errors.Join(err, r.flush(ctx))
}

// keepNew saves a small file unless the new records have it.
func (r *rescue) keepNew(ctx context.Context, small tables.SmallRow) error {
	put, ok := keepSmall(small)
	if !ok {
		return nil
	}
	var known int
	if err := r.to.Row(ctx, smallKnown, []any{small.ID[:], ""}, &known); err != nil || known > 0 {
		return err
	}
	return r.take(ctx, put)
}

// parseSmall reads a small file from the columns of its row.
func parseSmall(columns []sqlite.Column) (tables.SmallRow, bool) {
	if len(columns[0].Bytes) != shoal.FileIDSize {
		return tables.SmallRow{}, false
	}
	return tables.SmallRow{
		Row: tables.Row{
			ID: shoal.FileID(columns[0].Bytes), Size: columns[1].Number, ChunkSize: content.ChunkSize(columns[2].Number),
			Present: int(columns[3].Number), Bits: columns[5].Bytes,
		},
		List: columns[6].Bytes, Data: columns[7].Bytes,
	}, true
}

// scanSmall parses the row of a small file.
func scanSmall(found *sql.Rows) (putting, bool) {
	var r tables.SmallRow
	var id []byte
	if found.Scan(&id, &r.Size, &r.ChunkSize, &r.Present, &r.Bits, &r.List, &r.Data) != nil || len(id) != shoal.FileIDSize {
		return nil, false
	}
	r.ID = shoal.FileID(id)
	return keepSmall(r)
}

// keepSmall keeps the chunks of a small file that verify, whatever the row's bitmap
// says.
func keepSmall(r tables.SmallRow) (putting, bool) {
	if r.Check() != nil {
		return nil, false
	}
	c, err := r.File()
	if err != nil {
		return nil, false
	}
	bits := content.NewBitmap(c.Chunks())
	for i := range c.Chunks() {
		from, to := c.ChunkOffset(i), c.ChunkOffset(i)+int64(c.ChunkLen(i))
		if to <= int64(len(r.Data)) && c.Verify(i, r.Data[from:to]) == nil {
			bits.Set(i)
		}
	}
	if bits.Count() == 0 && r.Present > 0 {
		return nil, false
	}
	return func(ctx context.Context, to tables.Batch) error { return to.PutSmall(ctx, c, bits, r.Data) }, true
}

// linkFacts are the columns of a link without its sums. The chunks are verified by
// their hash when they are read.
const linkFacts = "path, id, target, device, inode, size, mtime, present, stored, bits"

// scanLink parses the row of a link.
func scanLink(found *sql.Rows) (putting, bool) {
	var l tables.LinkRow
	var id []byte
	var device, inode, stored int64
	err := found.Scan(&l.Path, &id, &l.Target, &device, &inode, &l.Guard.Size, &l.Guard.MTime, &l.Present, &stored, &l.Bits)
	if err != nil || len(id) != shoal.FileIDSize || l.Path == "" {
		return nil, false
	}
	l.ID, l.Guard.Device, l.Guard.Inode = shoal.FileID(id), uint64(device), uint64(inode)
	return func(ctx context.Context, to tables.Batch) error { return to.CopyLink(ctx, l, stored) }, true
}
