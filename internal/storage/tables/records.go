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

// The records are what no scan of the blobs would bring back: the small files,
// and where people's files lie. They are apart from the index so that its
// damage is not theirs.
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

// SmallRow is a small file with all its bytes; those of chunks that are not
// present are zero. Data is empty if none is.
type SmallRow struct {
	Row
	List     []byte // the hash list
	Data     []byte
	HasLinks bool // there are rows of it among the links
}

// File is what the row says the file is, if its hash list agrees. Errors:
// sqlite.ErrDamaged. The row has been Checked.
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

// Guard is how a person's file is recognised.
type Guard struct {
	Device uint64
	Inode  uint64
	Size   int64 // bytes
	MTime  int64 // nanoseconds since 1970; 0 if it may change
}

// Spot is where a link is and what it must look like.
type Spot struct {
	Path   string // absolute: where the bytes are now
	Target string // absolute: where an output will go; empty for all else
	Guard  Guard
}

// LinkRow is one path that has chunks of a file.
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

// SmallPresent is how many chunks of a small file are durable, by records of
// whatever version. Errors: shoal.NotFound.
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

// Sum is how many small files there are and how many bytes of them.
func (r Records) Sum(ctx context.Context) (files int, stored int64, err error) {
	return SmallFiles.sumIn(ctx, r.Mendable)
}

// SumLinks is how many links there are and how many bytes they give.
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

// pagesOfSmall is at least how many pages the largest small file has.
const pagesOfSmall = 8

// Shrink gives back to the file system the room of so many small files that were
// deleted. If it cannot, SQLite uses it for the next ones.
func (r Records) Shrink(ctx context.Context, files int) {
	_ = r.Try(func(d *sqlite.DB) error {
		_, err := d.Writer.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", files*pagesOfSmall))
		return err
	})
}

// Batch is one transaction on the records, with the statements that thousands of
// small files share.
type Batch struct {
	tx   *sql.Tx
	put  *sql.Stmt
	link *sql.Stmt
}

// NewBatch gives a batch of a transaction, which ends it.
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

// CopyLink writes the row of a link as it was read; stored is the bytes of its
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

// Forget removes all that is recorded of a file.
func (b Batch) Forget(ctx context.Context, id shoal.FileID) error {
	if _, err := b.tx.ExecContext(ctx, "DELETE FROM links WHERE id = ?", id[:]); err != nil {
		return err
	}
	_, err := b.tx.ExecContext(ctx, "DELETE FROM small WHERE id = ?", id[:])
	return err
}
