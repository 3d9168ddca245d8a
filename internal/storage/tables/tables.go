// Package tables reads and writes the two databases of a store. The index has the
// durable chunks of each large file; the records have the small files and the links.
// Every value from the disk is bounded before its use. docs/spec/disk.md has the
// formats.
//
// It does not know the files in the store's folder.
package tables

import (
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
)

// IndexFormat returns the format of the index. Damage has no code: a caller of Get
// would take shoal.Integrity for damage to its chunk.
func IndexFormat() sqlite.Format { return format(indexSchema, indexSums) }

// RecordsFormat returns the format of the records. A check would read all small
// files, so damage is found in use.
func RecordsFormat() sqlite.Format {
	f := format(recordsSchema, recordsSums)
	f.CheckInUse = true
	return f
}

func format(steps ...string) sqlite.Format {
	return sqlite.Format{
		Version: len(steps), Steps: steps, Durability: sqlite.OnCommit, CacheKiB: 512, Shared: true,
		Pragmas: map[string]string{"auto_vacuum": "INCREMENTAL", "temp_store": "MEMORY", "wal_autocheckpoint": "1000"},
	}
}

// Row is a file in the index or among the small files: the state of its place in the
// store.
type Row struct {
	ID        shoal.FileID
	Size      int64 // bytes
	ChunkSize content.ChunkSize
	Present   int    // chunks
	Bits      []byte // of PackBits
	Sums      []byte // of sums.Pack
}

// Holding is the durable chunks of a place, for a row, and their packed sums.
type Holding struct {
	Bits content.Bitmap
	Sums []byte
}

// Check bounds a row from the disk before its use. Errors: sqlite.ErrDamaged.
func (r Row) Check() error {
	if _, err := content.ParseChunkSize(int64(r.ChunkSize)); err != nil {
		return fmt.Errorf("%w: file %s: %w", sqlite.ErrDamaged, r.ID, err)
	}
	if r.Size < 0 || r.Size > content.MaxSize || r.ChunkSize.Chunks(r.Size) > content.MaxChunks {
		return fmt.Errorf("%w: file %s has a size of %d", sqlite.ErrDamaged, r.ID, r.Size)
	}
	return nil
}

// Chunks returns the number of chunks of the file.
func (r Row) Chunks() int { return r.ChunkSize.Chunks(r.Size) }

// Bitmap unpacks the bits of the row. Errors: sqlite.ErrDamaged for an inconsistent
// row.
func (r Row) Bitmap() (content.Bitmap, error) { return UnpackBits(r.Bits, r.Present, r.Chunks()) }

// PackBits encodes a bitmap: empty if no bit is set or all are.
func PackBits(b content.Bitmap) []byte {
	if b.Count() == 0 || b.Full() {
		return []byte{}
	}
	return b.Bytes()
}

// UnpackBits decodes a bitmap of PackBits with chunks bits, present of them set.
// Errors: sqlite.ErrDamaged.
func UnpackBits(data []byte, present, chunks int) (content.Bitmap, error) {
	switch {
	case len(data) == 0 && present == chunks:
		return content.FullBitmap(chunks), nil
	case len(data) == 0 && present == 0:
		return content.NewBitmap(chunks), nil
	}
	b, err := content.ParseBitmap(data, chunks)
	if err != nil {
		return b, fmt.Errorf("%w: %w", sqlite.ErrDamaged, err)
	}
	if b.Count() != present {
		return b, fmt.Errorf("%w: a bitmap has %d bits set, its row says %d", sqlite.ErrDamaged, b.Count(), present)
	}
	return b, nil
}

// BytesOf returns the bytes of the chunks in bits.
func BytesOf(f content.File, bits content.Bitmap) int64 {
	total := int64(bits.Count()) * int64(f.ChunkSize)
	if last := f.Chunks() - 1; bits.Has(last) {
		total += int64(f.ChunkLen(last)) - int64(f.ChunkSize)
	}
	return total
}

// notNull replaces nil, which an empty blob is read as, by an empty blob.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
