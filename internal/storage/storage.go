// Package storage keeps chunks of files on this machine. It holds the small
// set of interfaces that every store satisfies. Packages disk and memory are stores,
// quota wraps one, and recovery brings one on a disk back from damage.
//
// A store does not know names, peers or placement, and it never fetches.
package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"shoal"
	"shoal/internal/content"
)

// The errors a store answers with beside those of package shoal.
var (
	// ErrAbsent means the store does not have that chunk, or no longer: it is
	// also what reading a chunk that has rotted gives, beside shoal.Integrity. It
	// is a shoal.NotFound.
	ErrAbsent = fmt.Errorf("chunk is not in the store: %w", shoal.NotFound)

	// ErrFailing means an fsync failed. What was written since the last good
	// one may be lost, the store takes no more writes until it is opened
	// again, and reads go on (after the PostgreSQL policy of 2018: an fsync
	// that failed is never retried into success).
	ErrFailing = errors.New("store is failing: an fsync was refused by the system")
)

// Store keeps chunks. All methods are safe for use by many goroutines at once,
// block while they do I/O, and may be given up by ending ctx.
type Store interface {
	Reader
	Writer
	Lister
}

// Reader gives back what was put in.
type Reader interface {
	// File is what the store knows of a file: shoal.NotFound if nothing. The
	// hash list is shared: do not change it.
	File(ctx context.Context, id shoal.FileID) (content.File, error)

	// Has tells which chunks of the file are durable here. A file the store
	// does not know has none: the error is shoal.NotFound. The bitmap is the
	// caller's.
	Has(ctx context.Context, id shoal.FileID) (content.Bitmap, error)

	// Get reads one chunk into buf, which has room for it (ChunkLen bytes),
	// and returns how long it is. The bytes have been verified: against the
	// hash list, or as those that were, by a sum taken then. A chunk that is
	// put but not yet durable can be read. Errors:
	// ErrAbsent; ErrAbsent with shoal.Integrity if the bytes had rotted, after
	// which the chunk counts as absent; shoal.NotFound for a file unknown.
	Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error)
}

// Writer takes things in and out.
type Writer interface {
	// Create makes room for a file whose hash list has been verified against
	// its id. Creating it again is no error and changes nothing, but for a
	// different chunk size or size, which is shoal.Exists: the chunks that are
	// there are cut otherwise.
	Create(ctx context.Context, file content.File) error

	// Put writes one chunk of a file that was created. The caller has verified
	// data against the hash list and may use it again on return. The chunk can
	// then be read, but counts as present, to Has and after a crash, only
	// once a Sync that started after Put returned has succeeded, or the
	// store's own group commit. Putting a chunk again is no error. Errors:
	// shoal.NoSpace (nothing was lost; later puts succeed when there is room),
	// ErrFailing, shoal.NotFound.
	Put(ctx context.Context, chunk shoal.Chunk, data []byte) error

	// PutRun does so with adjacent chunks, from the first on, which a disk takes in
	// less time at once. After an error some of them may count as put.
	PutRun(ctx context.Context, id shoal.FileID, first int, chunks [][]byte) error

	// Sync makes every chunk of the file that was put before it durable.
	// Concurrent calls share the work. Errors: ErrFailing, shoal.NoSpace.
	Sync(ctx context.Context, id shoal.FileID) error

	// Delete forgets a file and frees its space. It works on a full disk. An
	// unknown file is shoal.NotFound.
	Delete(ctx context.Context, id shoal.FileID) error
}

// Lister tells what there is.
type Lister interface {
	// All gives every file the store knows, in order of id, as the store was
	// at some moment during the call or later. It ends early with an error.
	All(ctx context.Context) iter.Seq2[Summary, error]

	// Usage sums up the store.
	Usage(ctx context.Context) (Usage, error)
}

// Summary is one line of a listing.
type Summary struct {
	ID        shoal.FileID
	Size      int64 // bytes
	ChunkSize content.ChunkSize
	Present   int // chunks that are durable here
}

// Usage is how full a store is, in bytes.
type Usage struct {
	Stored   int64 // in the store's own files
	Linked   int64 // in people's files used in place
	Files    int
	Free     int64 // that the system would still give
	Capacity int64 // the quota; 0 if there is none
}
