package disk

import (
	"context"
	"database/sql"
	"fmt"

	"shoal"
	"shoal/internal/content"
)

// The index says, of each file too large for the records, which chunks of its
// blob are durable. All of it can be made again from the blobs. bits is empty
// when none or all are.
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

// index is the database of what is in the blobs.
type index struct{ mendable }

// row is what a database says of one place: for the index and the small files,
// of the file's own.
type row struct {
	id        shoal.FileID
	size      int64
	chunkSize content.ChunkSize
	present   int
	bits      []byte // as packBits wrote them
	sums      []byte // as packSums did
}

// holding is what a row is to say of a place: which chunks are durable there,
// and, packed, the sums of those.
type holding struct {
	bits content.Bitmap
	sums []byte
}

// check bounds what came from the disk, before anything is made of it.
func (r row) check() error {
	if _, err := content.ParseChunkSize(int64(r.chunkSize)); err != nil {
		return fmt.Errorf("%w: file %s: %w", errDamaged, r.id, err)
	}
	if r.size < 0 || r.size > content.MaxSize || r.chunkSize.Chunks(r.size) > content.MaxChunks {
		return fmt.Errorf("%w: file %s has a size of %d", errDamaged, r.id, r.size)
	}
	return nil
}

func (r row) chunks() int { return r.chunkSize.Chunks(r.size) }

// bitmap is the bits of the row. A row whose parts do not agree is errDamaged.
func (r row) bitmap() (content.Bitmap, error) { return unpackBits(r.bits, r.present, r.chunks()) }

// packBits writes a bitmap in as little as it needs.
func packBits(b content.Bitmap) []byte {
	if b.Count() == 0 || b.Full() {
		return []byte{}
	}
	return b.Bytes()
}

// unpackBits reads what packBits wrote of a bitmap of chunks bits of which
// present are set.
func unpackBits(data []byte, present, chunks int) (content.Bitmap, error) {
	switch {
	case len(data) == 0 && present == chunks:
		return content.FullBitmap(chunks), nil
	case len(data) == 0 && present == 0:
		return content.NewBitmap(chunks), nil
	}
	b, err := content.ParseBitmap(data, chunks)
	if err != nil {
		return b, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if b.Count() != present {
		return b, fmt.Errorf("%w: a bitmap has %d bits set, its row says %d", errDamaged, b.Count(), present)
	}
	return b, nil
}

// file reads the row of a file; shoal.NotFound if there is none.
func (x *index) file(ctx context.Context, id shoal.FileID) (r row, err error) {
	err = x.do(ctx, func(d database) (err error) {
		r, err = readFile(ctx, d, id)
		return err
	})
	return r, err
}

func readFile(ctx context.Context, d database, id shoal.FileID) (row, error) {
	r := row{id: id}
	err := d.row(ctx, "SELECT size, chunk, present, bits, sums FROM files WHERE id = ?", []any{id[:]},
		&r.size, &r.chunkSize, &r.present, &r.bits, &r.sums)
	if err != nil {
		return r, err
	}
	return r, r.check()
}

// page reads the rows of at most limit files whose ids are behind after.
func (x *index) page(ctx context.Context, after []byte, limit int) ([]row, error) {
	return x.readPage(ctx, pageFiles, after, limit)
}

const pageFiles = "SELECT id, size, chunk, present, bits FROM files WHERE id > ? ORDER BY id LIMIT ?"

func readPage(ctx context.Context, d database, query string, after []byte, limit int) ([]row, error) {
	found, err := d.rows(ctx, query, after, limit)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var page []row
	for found.Next() {
		var r row
		var id []byte
		if err := found.Scan(&id, &r.size, &r.chunkSize, &r.present, &r.bits); err != nil {
			return nil, sqlError(err)
		}
		if len(id) != shoal.FileIDSize {
			return nil, fmt.Errorf("%w: an id has %d bytes", errDamaged, len(id))
		}
		r.id = shoal.FileID(id)
		if err := r.check(); err != nil {
			return nil, err
		}
		page = append(page, r)
	}
	return page, sqlError(found.Err())
}

// sum is how many files there are and how many bytes of them.
func (x *index) sum(ctx context.Context) (files int, stored int64, err error) {
	return x.readSum(ctx, sumFiles)
}

// How many rows there are, and how many bytes they stand for.
const (
	sumFiles = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM files"
	sumSmall = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM small"
	sumLinks = "SELECT COUNT(*), COALESCE(SUM(stored), 0) FROM links"
)

func readSum(ctx context.Context, d database, query string) (count int, stored int64, err error) {
	err = d.row(ctx, query, nil, &count, &stored)
	return count, stored, err
}

// forget removes the row of a file.
func (x *index) forget(ctx context.Context, id shoal.FileID) error {
	return x.record(ctx, func(tx *sql.Tx) error { return indexForget(ctx, tx, id) })
}

func indexForget(ctx context.Context, tx *sql.Tx, id shoal.FileID) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM files WHERE id = ?", id[:])
	return err
}

const indexInsert = "INSERT OR REPLACE INTO files (id, size, chunk, present, stored, bits, sums) VALUES (?, ?, ?, ?, ?, ?, ?)"

func indexPut(ctx context.Context, tx *sql.Tx, f content.File, h holding) error {
	_, err := tx.ExecContext(ctx, indexInsert,
		f.ID[:], f.Size, int(f.ChunkSize), h.bits.Count(), bytesOf(f, h.bits), packBits(h.bits), h.sums)
	return err
}

// bytesOf is how many bytes of the file the chunks in bits have.
func bytesOf(f content.File, bits content.Bitmap) int64 {
	total := int64(bits.Count()) * int64(f.ChunkSize)
	if last := f.Chunks() - 1; bits.Has(last) {
		total += int64(f.ChunkLen(last)) - int64(f.ChunkSize)
	}
	return total
}
