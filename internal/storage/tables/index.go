package tables

import (
	"context"
	"database/sql"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
)

// The index has a row for each file too large for the records, with the durable
// chunks of its blob. It can be rebuilt from the blobs. bits is empty if none or all
// are durable.
const (
	indexSchema = `
CREATE TABLE files (
	id      BLOB PRIMARY KEY,
	size    INTEGER NOT NULL,
	chunk   INTEGER NOT NULL,
	present INTEGER NOT NULL,
	stored  INTEGER NOT NULL,
	bits    BLOB NOT NULL
) WITHOUT ROWID`
	indexSums = "ALTER TABLE files ADD COLUMN sums BLOB NOT NULL DEFAULT x''"
)

// Index is the database of the blobs. Its methods are safe for use by many
// goroutines at once, and block while the index is mended.
type Index struct{ *sqlite.Mendable }

// File reads the row of a file. Errors: shoal.NotFound if there is none.
func (x Index) File(ctx context.Context, id shoal.FileID) (r Row, err error) {
	err = x.Do(ctx, func(d *sqlite.DB) (err error) {
		r, err = IndexRow(ctx, d, id)
		return err
	})
	return r, err
}

// IndexRow reads the row of a file. Errors: shoal.NotFound; sqlite.ErrDamaged.
func IndexRow(ctx context.Context, d *sqlite.DB, id shoal.FileID) (Row, error) {
	r := Row{ID: id}
	err := d.Row(ctx, "SELECT size, chunk, present, bits, sums FROM files WHERE id = ?", []any{id[:]},
		&r.Size, &r.ChunkSize, &r.Present, &r.Bits, &r.Sums)
	if err != nil {
		return r, err
	}
	return r, r.Check()
}

// Page reads the rows of at most limit files whose ids are behind after, without
// their sums.
func (x Index) Page(ctx context.Context, after []byte, limit int) (page []Row, err error) {
	err = x.Do(ctx, func(d *sqlite.DB) (err error) {
		page, err = IndexPage(ctx, d, after, limit)
		return err
	})
	return page, err
}

// IndexPage is Page for an index that a Look has open.
func IndexPage(ctx context.Context, d *sqlite.DB, after []byte, limit int) ([]Row, error) {
	return readPage(ctx, d, "SELECT id, size, chunk, present, bits FROM files WHERE id > ? ORDER BY id LIMIT ?", after, limit)
}

// IndexPresent returns the number of a file's durable chunks, from an index of any
// version. Errors: shoal.NotFound.
func IndexPresent(ctx context.Context, d *sqlite.DB, id shoal.FileID) (chunks int, err error) {
	err = d.Row(ctx, "SELECT present FROM files WHERE id = ?", []any{id[:]}, &chunks)
	return chunks, err
}

// Sum returns the number of files, and the bytes of their durable chunks.
func (x Index) Sum(ctx context.Context) (files int, stored int64, err error) {
	return LargeFiles.sumIn(ctx, x.Mendable)
}

// Forget removes the row of a file, durably.
func (x Index) Forget(ctx context.Context, id shoal.FileID) error {
	return x.Transact(ctx, func(tx *sql.Tx) error { return IndexForget(ctx, tx, id) })
}

// IndexForget removes the row of a file.
func IndexForget(ctx context.Context, tx *sql.Tx, id shoal.FileID) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM files WHERE id = ?", id[:])
	return err
}

const indexInsert = "INSERT OR REPLACE INTO files (id, size, chunk, present, stored, bits, sums) VALUES (?, ?, ?, ?, ?, ?, ?)"

// IndexPut writes the row of a file.
func IndexPut(ctx context.Context, tx *sql.Tx, f content.File, h Holding) error {
	_, err := tx.ExecContext(ctx, indexInsert,
		f.ID[:], f.Size, int(f.ChunkSize), h.Bits.Count(), BytesOf(f, h.Bits), PackBits(h.Bits), h.Sums)
	return err
}

// IndexDoubt writes the Doubtful row of a file.
func IndexDoubt(ctx context.Context, tx *sql.Tx, f content.File) error {
	r := Doubtful(f)
	_, err := tx.ExecContext(ctx, indexInsert, r.ID[:], r.Size, int(r.ChunkSize), r.Present, 0, r.Bits, notNull(r.Sums))
	return err
}

// Doubtful returns an inconsistent row, as damage would make. Loading the file then
// reads its blob, and records the chunks that verify.
func Doubtful(f content.File) Row {
	return Row{ID: f.ID, Size: f.Size, ChunkSize: f.ChunkSize, Bits: content.FullBitmap(f.Chunks()).Bytes()}
}
