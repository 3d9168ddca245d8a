package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
)

// The records have the small files and the links, which cannot be rebuilt from the
// blobs. They are apart from the index so damage to one spares the other.
const (
	recordsSchema = `
CREATE TABLE small (
	id      BLOB NOT NULL UNIQUE,
	size    INTEGER NOT NULL,
	chunk   INTEGER NOT NULL,
	present INTEGER NOT NULL,
	stored  INTEGER NOT NULL,
	bits    BLOB NOT NULL,
	list    BLOB NOT NULL,
	data    BLOB NOT NULL
);
CREATE TABLE links (
	path    TEXT NOT NULL,
	id      BLOB NOT NULL,
	target  TEXT NOT NULL,
	device  INTEGER NOT NULL,
	inode   INTEGER NOT NULL,
	size    INTEGER NOT NULL,
	mtime   INTEGER NOT NULL,
	present INTEGER NOT NULL,
	stored  INTEGER NOT NULL,
	bits    BLOB NOT NULL,
	PRIMARY KEY (path, id)
) WITHOUT ROWID;
CREATE INDEX links_by_id ON links (id)`
	recordsSums = "ALTER TABLE links ADD COLUMN sums BLOB NOT NULL DEFAULT x''"
)

// Records is the database of small files and links. Its methods are safe for use
// by many goroutines at once, and block while it is mended.
type Records struct{ *sqlite.Mendable }

// SmallRow is a small file with its bytes. Bytes of absent chunks are zero; Data is
// empty if all are absent.
type SmallRow struct {
	Row
	List     []byte // the hash list
	Data     []byte
	HasLinks bool // the file has links
}

// File returns the row's file, if the hash list gives its id. The row has been
// Checked. Errors: sqlite.ErrDamaged.
func (r SmallRow) File() (content.File, error) {
	if r.Size > layout.SmallFile {
		return content.File{}, fmt.Errorf("%w: a small file of %d bytes", sqlite.ErrDamaged, r.Size)
	}
	hashes, err := content.ParseHashList(r.List, r.Chunks())
	if err != nil {
		return content.File{}, fmt.Errorf("%w: %w", sqlite.ErrDamaged, err)
	}
	c := content.File{ID: r.ID, Size: r.Size, ChunkSize: r.ChunkSize, List: hashes}
	if err := c.Check(); err != nil {
		return content.File{}, fmt.Errorf("%w: %w", sqlite.ErrDamaged, err)
	}
	return c, nil
}

// Guard identifies a person's file, to detect changes.
type Guard struct {
	Device uint64
	Inode  uint64
	Size   int64 // bytes
	MTime  int64 // nanoseconds since 1970; 0 if it may change
}

// Spot is the path of a link and the guard of the file there.
type Spot struct {
	Path   string // absolute: where the bytes are now
	Target string // absolute: where an output will go; empty for all else
	Guard  Guard
}

// LinkRow is a path with chunks of a file.
type LinkRow struct {
	Spot
	ID      shoal.FileID
	Present int
	Bits    []byte
	Sums    []byte
}

// Small reads a small file. Errors: shoal.NotFound if there is none.
func (r Records) Small(ctx context.Context, id shoal.FileID) (s SmallRow, err error) {
	err = r.Do(ctx, func(d *sqlite.DB) error {
		s = SmallRow{Row: Row{ID: id}}
		err := d.Row(ctx, "SELECT size, chunk, present, bits, list, data, EXISTS (SELECT 1 FROM links WHERE links.id = small.id) FROM small WHERE id = ?", []any{id[:]},
			&s.Size, &s.ChunkSize, &s.Present, &s.Bits, &s.List, &s.Data, &s.HasLinks)
		if err != nil {
			return err
		}
		return s.Check()
	})
	return s, err
}

// SmallPresent returns the number of a small file's durable chunks, from records of
// any version. Errors: shoal.NotFound.
func SmallPresent(ctx context.Context, d *sqlite.DB, id shoal.FileID) (chunks int, err error) {
	err = d.Row(ctx, "SELECT present FROM small WHERE id = ?", []any{id[:]}, &chunks)
	return chunks, err
}

// Page reads the rows, but not the bytes, of at most limit small files whose
// ids are behind after.
func (r Records) Page(ctx context.Context, after []byte, limit int) (page []Row, err error) {
	err = r.Do(ctx, func(d *sqlite.DB) (err error) {
		page, err = readPage(ctx, d, "SELECT id, size, chunk, present, bits FROM small WHERE id > ? ORDER BY id LIMIT ?", after, limit)
		return err
	})
	return page, err
}

// Sum returns the number of small files, and the bytes of their durable chunks.
func (r Records) Sum(ctx context.Context) (files int, stored int64, err error) {
	return SmallFiles.sumIn(ctx, r.Mendable)
}

// SumLinks returns the number of links, and the bytes of their durable chunks.
func (r Records) SumLinks(ctx context.Context) (links int, stored int64, err error) {
	return Links.sumIn(ctx, r.Mendable)
}

// Links reads the links of a file.
func (r Records) Links(ctx context.Context, id shoal.FileID) ([]LinkRow, error) {
	return r.queryLinks(ctx, "WHERE id = ? ORDER BY path", id[:])
}

// LinksFrom reads at most limit links of files whose ids are not before id, in
// order of id.
func (r Records) LinksFrom(ctx context.Context, id shoal.FileID, limit int) ([]LinkRow, error) {
	return r.queryLinks(ctx, "WHERE id >= ? ORDER BY id LIMIT ?", id[:], limit)
}

// LinksAt reads the links at a path, of whatever file.
func (r Records) LinksAt(ctx context.Context, path string) ([]LinkRow, error) {
	return r.queryLinks(ctx, "WHERE path = ?", path)
}

func (r Records) queryLinks(ctx context.Context, where string, args ...any) (rows []LinkRow, err error) {
	err = r.Do(ctx, func(d *sqlite.DB) (err error) {
		rows, err = readLinks(ctx, d, where, args...)
		return d.Explain(err)
	})
	return rows, err
}

func readLinks(ctx context.Context, d *sqlite.DB, where string, args ...any) ([]LinkRow, error) {
	found, err := d.QueryContext(ctx, "SELECT id, path, target, device, inode, size, mtime, present, bits, sums FROM links "+where, args...)
	if err != nil {
		return nil, err
	}
	var rows []LinkRow
	for found.Next() {
		var l LinkRow
		var id []byte
		var device, inode int64
		if err := found.Scan(&id, &l.Path, &l.Target, &device, &inode, &l.Guard.Size, &l.Guard.MTime, &l.Present, &l.Bits, &l.Sums); err != nil {
			return nil, errors.Join(err, found.Close())
		}
		if len(id) != shoal.FileIDSize {
			return nil, errors.Join(fmt.Errorf("%w: an id has %d bytes", sqlite.ErrDamaged, len(id)), found.Close())
		}
		l.ID, l.Guard.Device, l.Guard.Inode = shoal.FileID(id), uint64(device), uint64(inode)
		rows = append(rows, l)
	}
	return rows, errors.Join(found.Err(), found.Close())
}

// Forget removes the row of a small file, durably.
func (r Records) Forget(ctx context.Context, id shoal.FileID) error {
	return r.Transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM small WHERE id = ?", id[:])
		return err
	})
}

// pagesOfSmall is an upper bound of the pages of a small file.
const pagesOfSmall = 8

// Shrink returns the space of this number of deleted small files to the file system.
// If it cannot, SQLite uses the space for the next files.
func (r Records) Shrink(ctx context.Context, files int) {
	_ = r.Try(func(d *sqlite.DB) error {
		_, err := d.Writer.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", files*pagesOfSmall))
		return err
	})
}

// Batch is one transaction on the records. Thousands of small files share its
// prepared statements.
type Batch struct {
	tx   *sql.Tx
	put  *sql.Stmt
	link *sql.Stmt
}

// NewBatch returns a batch in a transaction. It ends with the transaction.
func NewBatch(ctx context.Context, tx *sql.Tx) (Batch, error) {
	put, err := tx.PrepareContext(ctx, `INSERT INTO small (id, size, chunk, present, stored, bits, list, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET present = excluded.present, stored = excluded.stored, bits = excluded.bits, data = excluded.data`)
	if err != nil {
		return Batch{}, err
	}
	link, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO links (path, id, target, device, inode, size, mtime, present, stored, bits, sums) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	return Batch{tx: tx, put: put, link: link}, err
}

// PutSmall writes the row of a small file.
func (b Batch) PutSmall(ctx context.Context, f content.File, bits content.Bitmap, data []byte) error {
	_, err := b.put.ExecContext(ctx, f.ID[:], f.Size, int(f.ChunkSize), bits.Count(), BytesOf(f, bits), PackBits(bits), f.List.Bytes(), notNull(data))
	return err
}

// PutLink writes the row of a link.
func (b Batch) PutLink(ctx context.Context, f content.File, s Spot, h Holding) error {
	return b.CopyLink(ctx, LinkRow{Spot: s, ID: f.ID, Present: h.Bits.Count(), Bits: PackBits(h.Bits), Sums: h.Sums}, BytesOf(f, h.Bits))
}

// CopyLink writes the row of a link as it was read. stored is the bytes of its
// chunks.
func (b Batch) CopyLink(ctx context.Context, l LinkRow, stored int64) error {
	_, err := b.link.ExecContext(ctx, l.Path, l.ID[:], l.Target, int64(l.Guard.Device), int64(l.Guard.Inode),
		l.Guard.Size, l.Guard.MTime, l.Present, stored, notNull(l.Bits), notNull(l.Sums))
	return err
}

// DropLink removes the row of a link.
func (b Batch) DropLink(ctx context.Context, id shoal.FileID, path string) error {
	_, err := b.tx.ExecContext(ctx, "DELETE FROM links WHERE path = ? AND id = ?", path, id[:])
	return err
}

// Forget removes all rows of a file.
func (b Batch) Forget(ctx context.Context, id shoal.FileID) error {
	if _, err := b.tx.ExecContext(ctx, "DELETE FROM links WHERE id = ?", id[:]); err != nil {
		return err
	}
	_, err := b.tx.ExecContext(ctx, "DELETE FROM small WHERE id = ?", id[:])
	return err
}
