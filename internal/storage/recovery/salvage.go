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

// rescue saves one table.
type rescue struct {
	from        sqlite.Salvage // but for what it does with a row
	to          *sqlite.DB
	known       string                          // how many rows with a key are saved
	keep        func(*sql.Rows) (putting, bool) // reads a row, and reports whether it is of any use
	batch       []putting
	saved, lost int
}

// How many small files, or links, with such a key are saved.
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

// run reads the table from either end up to the damage, and what lies between
// by its key, a row at a time. It reports whether that is every row that could be
// reached by its key.
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

// table is the damaged table, whose rows the rescue takes in.
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

// has reports whether a row is in the new records.
func (r *rescue) has(ctx context.Context, key []any) (bool, error) {
	if err := r.flush(ctx); err != nil {
		return false, err
	}
	var known int
	err := r.to.Row(ctx, r.known, key, &known)
	return known > 0, err
}

// take has a row written, with others.
func (r *rescue) take(ctx context.Context, put putting) error {
	r.batch = append(r.batch, put)
	if len(r.batch) < salvageRows {
		return nil
	}
	return r.flush(ctx)
}

// flush writes what was taken.
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

// A row of the small files, as it lies in a page.
const (
	maxSmallRow  = layout.SmallFile + layout.SmallFile/8 + 96 // with its hash list, and room for the numbers
	smallColumns = 8
)

// fromPages saves the small files of a damaged database that still lie in some
// page of it. One that was deleted may be among them, and is deleted again.
func (r *rescue) fromPages(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was deleted
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

// keepNew saves a small file that is not saved yet.
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

// parseSmall reads the columns of a row of the small files.
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

// scanSmall reads a small file.
func scanSmall(found *sql.Rows) (putting, bool) {
	var r tables.SmallRow
	var id []byte
	if found.Scan(&id, &r.Size, &r.ChunkSize, &r.Present, &r.Bits, &r.List, &r.Data) != nil || len(id) != shoal.FileIDSize {
		return nil, false
	}
	r.ID = shoal.FileID(id)
	return keepSmall(r)
}

// keepSmall keeps of a small file what verifies: its bytes prove themselves,
// whatever else the row says.
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

// linkFacts are the columns of a link but for its sums. Those are left behind:
// its chunks are verified by their hash when they are read.
const linkFacts = "path, id, target, device, inode, size, mtime, present, stored, bits"

// scanLink reads a link.
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
