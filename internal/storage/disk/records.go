package disk

import (
	"context"
	"database/sql"
	"fmt"

	"shoal"
	"shoal/internal/content"
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

// records is the database of small files and links.
type records struct{ mendable }

// smallRow is a small file with all its bytes; those of chunks that are not
// present are zero. data is empty if none is.
type smallRow struct {
	row
	list     []byte
	data     []byte
	hasLinks bool // there are rows of it among the links
}

// linkRow is one path that has chunks of a file.
type linkRow struct {
	spot
	id      shoal.FileID
	present int
	bits    []byte
	sums    []byte
}

// small reads a small file; shoal.NotFound if there is none.
func (r *records) small(ctx context.Context, id shoal.FileID) (s smallRow, err error) {
	err = r.do(ctx, func(d database) error {
		s = smallRow{row: row{id: id}}
		err := d.row(ctx, "SELECT size, chunk, present, bits, list, data, EXISTS (SELECT 1 FROM links WHERE links.id = small.id) FROM small WHERE id = ?", []any{id[:]},
			&s.size, &s.chunkSize, &s.present, &s.bits, &s.list, &s.data, &s.hasLinks)
		if err != nil {
			return err
		}
		return s.check()
	})
	return s, err
}

// page reads the rows, but not the bytes, of at most limit small files whose
// ids are behind after.
func (r *records) page(ctx context.Context, after []byte, limit int) ([]row, error) {
	return r.readPage(ctx, "SELECT id, size, chunk, present, bits FROM small WHERE id > ? ORDER BY id LIMIT ?", after, limit)
}

// sum is how many small files there are and how many bytes of them.
func (r *records) sum(ctx context.Context) (files int, stored int64, err error) {
	return r.readSum(ctx, sumSmall)
}

// sumLinks is how many links there are and how many bytes they give.
func (r *records) sumLinks(ctx context.Context) (links int, stored int64, err error) {
	return r.readSum(ctx, sumLinks)
}

// links reads the links of a file.
func (r *records) links(ctx context.Context, id shoal.FileID) ([]linkRow, error) {
	return r.queryLinks(ctx, "WHERE id = ? ORDER BY path", id[:])
}

// linksFrom reads at most limit links of files whose ids are not before id, in
// order of id.
func (r *records) linksFrom(ctx context.Context, id shoal.FileID, limit int) ([]linkRow, error) {
	return r.queryLinks(ctx, "WHERE id >= ? ORDER BY id LIMIT ?", id[:], limit)
}

// linksAt reads the links at a path, of whatever file.
func (r *records) linksAt(ctx context.Context, path string) ([]linkRow, error) {
	return r.queryLinks(ctx, "WHERE path = ?", path)
}

func (r *records) queryLinks(ctx context.Context, where string, args ...any) (rows []linkRow, err error) {
	err = r.do(ctx, func(d database) (err error) {
		rows, err = readLinks(ctx, d, where, args...)
		return err
	})
	return rows, err
}

func readLinks(ctx context.Context, d database, where string, args ...any) ([]linkRow, error) {
	found, err := d.rows(ctx, "SELECT id, path, target, device, inode, size, mtime, present, bits, sums FROM links "+where, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []linkRow
	for found.Next() {
		var l linkRow
		var id []byte
		var device, inode int64
		if err := found.Scan(&id, &l.path, &l.target, &device, &inode, &l.guard.size, &l.guard.mtime, &l.present, &l.bits, &l.sums); err != nil {
			return nil, sqlError(err)
		}
		if len(id) != shoal.FileIDSize {
			return nil, fmt.Errorf("%w: an id has %d bytes", errDamaged, len(id))
		}
		l.id, l.guard.device, l.guard.inode = shoal.FileID(id), uint64(device), uint64(inode)
		rows = append(rows, l)
	}
	return rows, sqlError(found.Err())
}

// forget removes the row of a small file.
func (r *records) forget(ctx context.Context, id shoal.FileID) error {
	return r.record(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM small WHERE id = ?", id[:])
		return err
	})
}

// recordsTx is one transaction on the records, with the statements that
// thousands of small files share.
type recordsTx struct {
	tx   *sql.Tx
	put  *sql.Stmt
	link *sql.Stmt
}

func beginRecords(ctx context.Context, tx *sql.Tx) (recordsTx, error) {
	put, err := tx.PrepareContext(ctx, `INSERT INTO small (id, size, chunk, present, stored, bits, list, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET present = excluded.present, stored = excluded.stored, bits = excluded.bits, data = excluded.data`)
	if err != nil {
		return recordsTx{}, err
	}
	link, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO links (path, id, target, device, inode, size, mtime, present, stored, bits, sums) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	return recordsTx{tx: tx, put: put, link: link}, err
}

func (r recordsTx) putSmall(ctx context.Context, f content.File, bits content.Bitmap, data []byte) error {
	_, err := r.put.ExecContext(ctx, f.ID[:], f.Size, int(f.ChunkSize), bits.Count(), bytesOf(f, bits), packBits(bits), f.List.Bytes(), data)
	return err
}

func (r recordsTx) putLink(ctx context.Context, f content.File, s spot, h holding) error {
	_, err := r.link.ExecContext(ctx, s.path, f.ID[:], s.target, int64(s.guard.device), int64(s.guard.inode),
		s.guard.size, s.guard.mtime, h.bits.Count(), bytesOf(f, h.bits), packBits(h.bits), h.sums)
	return err
}

func (r recordsTx) dropLink(ctx context.Context, id shoal.FileID, path string) error {
	_, err := r.tx.ExecContext(ctx, "DELETE FROM links WHERE path = ? AND id = ?", path, id[:])
	return err
}

// forget removes all that is recorded of a file.
func (r recordsTx) forget(ctx context.Context, id shoal.FileID) error {
	if _, err := r.tx.ExecContext(ctx, "DELETE FROM links WHERE id = ?", id[:]); err != nil {
		return err
	}
	_, err := r.tx.ExecContext(ctx, "DELETE FROM small WHERE id = ?", id[:])
	return err
}
