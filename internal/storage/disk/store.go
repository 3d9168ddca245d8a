// Package disk keeps chunks on a disk: a sparse file and its hash list for
// each large file, SQLite for the small ones and for what is where, and
// people's own files where they lie. What it says is durable was synced before
// it said so, and what it gives back was verified. docs/spec/disk.md has the
// formats.
//
// It does not know names, peers or quotas, and it never fetches.
package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
	"shoal/internal/storage"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/recovery"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// ErrInUse means that somebody else has the store open.
var ErrInUse = layout.ErrInUse

// Options say how a store is opened. The zero value is right for a node.
type Options struct {
	// System is where the files lie; nil is the operating system. The
	// databases always lie on the operating system's, at the same path.
	System vfs.System

	// Notify, unless it is nil, is told what a person should know, at once. It
	// is called by many goroutines, must not block, and must not call the
	// store.
	Notify func(Notice)

	// CutOf, unless it is nil, tells how others have cut a file, or 0 if none has
	// it: one that is imported or linked is then cut like that. It is called by the
	// goroutine that does so, and may block.
	CutOf func(ctx context.Context, id shoal.FileID) content.ChunkSize
}

// Store is a storage.Store on a disk. Its methods may be used by many
// goroutines at once.
type Store struct {
	dir     string
	system  vfs.System
	root    vfs.FS
	space   *body.Space
	lock    vfs.File
	index   tables.Index
	records tables.Records
	files   *cache
	commits *committer
	cutOf   func(ctx context.Context, id shoal.FileID) content.ChunkSize // or nil
	outputs outputs
	shards  [256]atomic.Bool // the folders that are known to be there
	temps   atomic.Uint64    // names in tmp/ given so far

	closed  atomic.Bool
	failing atomic.Pointer[error] // why, once a sync was refused
	full    *atomic.Bool          // the last write found no room
	usage   usage
	trouble trouble
}

var _ storage.Store = (*Store)(nil)

// Open opens the store in the folder dir, which is made if it is not there. An
// index that is missing or damaged is made again from the blobs, which takes
// as long as reading them does. Errors: ErrInUse if somebody else has it
// open, shoal.Usage if it was written by a newer version.
func Open(ctx context.Context, dir string, options Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: dir, system: options.System, files: newCache(), full: new(atomic.Bool)}
	s.trouble.notify, s.cutOf = options.Notify, options.CutOf
	if s.system == nil {
		s.system = vfs.OS{}
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", dir, openError(err)), s.release())
	}
	return s, nil
}

// openError gives damage that cannot be mended the code it deserves.
func openError(err error) error {
	if errors.Is(err, sqlite.ErrDamaged) && shoal.CodeOf(err) == shoal.Other {
		return damage{err}
	}
	return err
}

// damage is damage to what the store keeps for itself. It has no code as long as
// the store is open: those who put and get chunks would take it for theirs.
type damage struct{ error }

func (d damage) Unwrap() []error { return []error{d.error, shoal.Integrity} }

// open takes the steps of opening in order; what is open when one fails, Open
// closes.
func (s *Store) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.root, err = s.system.Root(s.dir); err != nil {
		return err
	}
	s.space = &body.Space{Root: s.root, Reserve: layout.Reserve, Full: s.full}
	var crashed bool
	if s.lock, crashed, err = layout.TakeLock(s.root); err != nil {
		return body.WriteError(err)
	}
	isNew, err := s.layOut()
	if err != nil {
		return err
	}
	lost, err := s.openDatabases(ctx, isNew)
	if err != nil {
		return err
	}
	s.commits = newCommitter(s.files, s.settleAll)
	if err := s.usage.load(ctx, s.index, s.records); err != nil {
		return err
	}
	switch {
	case lost:
		_, err = s.rebuild(ctx, recovery.Everything)
	case crashed:
		_, err = s.rebuild(ctx, recovery.Strays)
	}
	return err
}

// openDatabases opens the databases, and reports whether the index has to be made
// again.
func (s *Store) openDatabases(ctx context.Context, isNew bool) (lost bool, err error) {
	mender := &recovery.Mender{
		Dir: s.dir, Root: s.root, Room: s.space.Room, Rerecord: s.rerecord,
		Tell: func(text string) { s.trouble.tell(Notice{Kind: Rebuilt, Text: text}) },
	}
	if s.records, err = mender.OpenRecords(ctx, isNew); err != nil {
		return false, err
	}
	s.index, lost, err = mender.OpenIndex(ctx, isNew)
	return lost, err
}

// Close makes everything that was put durable and closes the store. Nothing
// may use it any more. Closing it again does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if err := s.release(); err != nil {
		return fmt.Errorf("close store %s: %w", s.dir, err)
	}
	return nil
}

// release closes what is open. The lock file is emptied only when all of the
// rest went well: that is how the next Open knows.
func (s *Store) release() error {
	var errs []error
	if s.commits != nil {
		errs = append(errs, s.commits.close(), s.files.drain())
	}
	if s.index.Mendable != nil {
		errs = append(errs, s.index.Close())
	}
	if s.records.Mendable != nil {
		errs = append(errs, s.records.Close())
	}
	if s.lock != nil {
		if err := errors.Join(errs...); err == nil && s.commits != nil {
			errs = append(errs, s.lock.Truncate(0), s.lock.Sync())
		}
		errs = append(errs, s.lock.Close())
	}
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	return errors.Join(errs...)
}

// writable is storage.ErrFailing once a sync was refused.
func (s *Store) writable() error {
	if err := s.failing.Load(); err != nil {
		return shoal.WithHint(*err, "check the disk, then start the node again; what other nodes have is not affected")
	}
	return nil
}

// fail marks the store as failing, for good.
func (s *Store) fail(cause error) error {
	err := fmt.Errorf("%w: %w", storage.ErrFailing, cause)
	if s.failing.CompareAndSwap(nil, &err) {
		s.trouble.tell(Notice{Kind: Failing, Text: "the store takes no more writes: " + cause.Error()})
	}
	return s.writable()
}
