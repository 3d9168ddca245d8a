// Package tables is the two databases of a store: the index, which says which
// chunks of each large file are durable, and the records, which have the small
// files and say where people's files lie. It has their schemas, reads and writes
// their rows, and bounds what comes from the disk before anything is made of it.
// docs/spec/disk.md has the formats.
//
// It does not know the files that the rows tell of.
package tables

import (
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
)

// IndexFormat is how the index is opened. Damage has no code: who gets and puts
// chunks would take it for theirs.
func IndexFormat() sqlite.Format { return format(indexSchema, indexSums) }

// RecordsFormat is how the records are opened. To look them through would take as
// long as to read all small files, so damage is found in use.
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

// Row is what a database says of one place: for the index and the small files,
// of the file's own.
type Row struct {
	ID        shoal.FileID
	Size      int64 // bytes
	ChunkSize content.ChunkSize
	Present   int    // chunks
	Bits      []byte // as PackBits wrote them
	Sums      []byte // as package sums packed them
}

// Holding is what a row is to say of a place: which chunks are durable there,
// and, packed, the sums of those.
type Holding struct {
	Bits content.Bitmap
	Sums []byte
}

// Check bounds what came from the disk, before anything is made of it. Errors:
// sqlite.ErrDamaged.
func (r Row) Check() error {
	if _, err := content.ParseChunkSize(int64(r.ChunkSize)); err != nil {
		return fmt.Errorf("%w: file %s: %w", sqlite.ErrDamaged, r.ID, err)
	}
	if r.Size < 0 || r.Size > content.MaxSize || r.ChunkSize.Chunks(r.Size) > content.MaxChunks {
		return fmt.Errorf("%w: file %s has a size of %d", sqlite.ErrDamaged, r.ID, r.Size)
	}
	return nil
}

// Chunks is how many chunks the file has.
func (r Row) Chunks() int { return r.ChunkSize.Chunks(r.Size) }

// Bitmap is the bits of the row. Errors: sqlite.ErrDamaged for a row whose parts
// do not agree.
func (r Row) Bitmap() (content.Bitmap, error) { return UnpackBits(r.Bits, r.Present, r.Chunks()) }

// PackBits writes a bitmap in as little as it needs.
func PackBits(b content.Bitmap) []byte {
	if b.Count() == 0 || b.Full() {
		return []byte{}
	}
	return b.Bytes()
}

// UnpackBits reads what PackBits wrote of a bitmap of chunks bits of which
// present are set. Errors: sqlite.ErrDamaged.
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

// BytesOf is how many bytes of the file the chunks in bits have.
func BytesOf(f content.File, bits content.Bitmap) int64 {
	total := int64(bits.Count()) * int64(f.ChunkSize)
	if last := f.Chunks() - 1; bits.Has(last) {
		total += int64(f.ChunkLen(last)) - int64(f.ChunkSize)
	}
	return total
}

// notNull is a blob as it is written: an empty one is read as nil.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
