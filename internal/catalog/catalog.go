// Package catalog keeps the names of this node: which name points at which
// file, in a SQLite database whose every change is durable when the call that
// made it returns. Names cannot be made again from the chunks, so a damaged
// database is reported and kept, never started over in silence.
//
// It does not know whether a file's chunks are here, and it speaks to no peer:
// the catalogue that nodes share is built on top of it.
package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"path"
	"path/filepath"
	"sync"

	"shoal"
)

// Catalog is an open catalogue. Its methods are safe for use by many
// goroutines at once; readers never wait for writers. One process at a time
// may have a catalogue open.
//
// There is one entry for each pair of name and file. The latest of the entries
// with one name, in the order they were put, is what that name means: clocks
// play no part in it.
type Catalog struct {
	data   *database
	writes *writeQueue
	close  func() error
}

// Open opens the catalogue at path, and makes it if nothing is there. A file
// that is damaged, or is no catalogue, is ErrDamaged and left as it is; one of
// a newer version is shoal.Usage. Call Close when done.
func Open(ctx context.Context, path string) (*Catalog, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	if err := createIfMissing(ctx, path); err != nil {
		return nil, fmt.Errorf("make catalogue %s: %w", path, err)
	}
	data, err := openDatabase(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open catalogue %s: %w", path, err)
	}
	return &Catalog{data: data, writes: newWriteQueue(data.transact), close: sync.OnceValue(data.close)}, nil
}

// Close gives the database back. Calls under way end with an error; every Put
// that returned without one is kept. Closing again does nothing.
func (c *Catalog) Close() error { return c.close() }

const putEntry = `INSERT OR REPLACE INTO entries (name, base, id, size, chunk, added) VALUES (?, ?, ?, ?, ?, ?)`

// Put writes the entries, all or none of them, and makes each what its name
// means, in the order given. They are durable when it returns. Calls made at
// the same time share a transaction. An entry out of bounds is shoal.Usage, a
// full disk shoal.NoSpace. If ctx ends while Put waits, the entries may have
// been written or not.
func (c *Catalog) Put(ctx context.Context, entries ...shoal.Entry) error {
	for _, entry := range entries {
		if err := checkEntry(entry); err != nil {
			return fmt.Errorf("put entry: %w", err)
		}
	}
	err := c.writes.do(ctx, func(tx *sql.Tx) error {
		put := tx.Stmt(c.data.put)
		for _, e := range entries {
			if _, err := put.Exec(e.Name, path.Base(e.Name), e.ID[:], e.Size, e.ChunkSize, e.Added.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("put %d entries: %w", len(entries), explain(err))
	}
	return nil
}

const removeFile = `DELETE FROM entries WHERE id = ? RETURNING seq, name, id, size, chunk, added`

// Remove forgets every name of the file and returns the entries it had, none if
// it had none, in no particular order. A name that meant another file before
// means that again. It is as durable as Put.
func (c *Catalog) Remove(ctx context.Context, id shoal.FileID) ([]shoal.Entry, error) {
	var removed []shoal.Entry
	err := c.writes.do(ctx, func(tx *sql.Tx) (err error) {
		removed, err = scanEntries(tx.Query(removeFile, id[:]))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("remove the names of %s: %w", id.Short(), explain(err))
	}
	return removed, nil
}
