// Package sqlite is the one way in which the project uses SQLite files: it opens
// them with the pragmas, pools and checks that a Format asks for, brings them to
// its version, keeps queries prepared, and gives SQLite's errors the codes and
// hints of package shoal. Of a damaged file it saves what can be read (Salvage,
// Pages), and it puts another in its place while it is in use (Mendable).
//
// It does not know what the tables mean.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // pure Go: the product is built without cgo

	"shoal"
)

// How a database is used. Each connection has a page cache of its own, so there
// are few, and those that are not needed are closed.
const (
	cacheKiB    = 256
	maxReaders  = 3
	maxShared   = 3
	readerIdle  = 30 * time.Second
	busyMillis  = 10_000
	maxLogBytes = 4 << 20 // that the write-ahead log keeps when it is empty

	// checkpointPages is how long the log gets before it is played into the
	// database: while many rows are added, a page of an index changes many
	// times, and is written there once.
	checkpointPages = 8192
)

// ownerOnly is the mode of a database's file. SQLite gives its log the same one.
const ownerOnly = 0o600

// Durability says when a transaction is on the disk.
type Durability string

// What a commit waits for, as SQLite's pragma synchronous says it.
const (
	OnCommit Durability = "FULL"   // for the disk: what is committed survives a power cut
	Later    Durability = "NORMAL" // for nothing: a power cut may undo the last commits, and nothing worse
)

// Format tells a kind of database from others, and says how it is used.
type Format struct {
	Application int // SQLite's application_id, which file(1) shows; 0 if it has none
	Version     int // of the schema, from 1 on

	// Steps make the tables: the first one makes the oldest version that is still
	// known, the last one Version. An empty database takes all of them, an older one
	// those that it has not taken. One of a version before the oldest is ErrOutdated.
	Steps []string

	Durability Durability        // of what is written
	Pragmas    map[string]string // of connections that write, beside the package's own or in their place
	CacheKiB   int               // of the writer, when it needs it; 0 is a little
	Shared     bool              // a few connections both read and write, and stay open; else one writes
	CheckInUse bool              // Open leaves out quick_check: damage is found by whoever meets it

	// Code and Hint are what a person is told of damage. Without them ErrDamaged
	// means damage to the caller alone, who has it mended.
	Code shoal.Code
	Hint string
}

// oldest is the version that the first step makes.
func (f Format) oldest() int { return f.Version - len(f.Steps) + 1 }

// DB is an open database in WAL mode. Its methods are safe for use by many
// goroutines at once.
type DB struct {
	Writer  *sql.DB // one connection, unless the format is Shared
	Readers *sql.DB // they see what is committed, and wait for nobody
	Made    bool    // Open found nothing, and made an empty one

	path   string
	format Format

	mu       sync.Mutex // guards prepared, and that each query is prepared once
	prepared map[string]*sql.Stmt
}

// Open opens the database at path, and makes it if nothing is there. What is
// damaged or of another format is ErrDamaged, what is older than the format's
// steps ErrOutdated, what is newer shoal.Usage; all of them are left as they are.
// It blocks while it has SQLite check the file.
func Open(ctx context.Context, path string, format Format) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	d := newDB(path, format)
	if d.Made, err = createIfMissing(ctx, path, format); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	if err := private(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := d.openPools(); err != nil {
		return nil, err
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}

func newDB(path string, format Format) *DB {
	return &DB{path: path, format: format, prepared: make(map[string]*sql.Stmt)}
}

// private makes a database's file its owner's alone.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() == ownerOnly {
		return err
	}
	return os.Chmod(path, ownerOnly)
}

// openPools makes the pools of connections. It opens none yet.
func (d *DB) openPools() (err error) {
	if d.Writer, err = openPool(d.path, d.format.writing()); err != nil {
		return err
	}
	if d.format.Shared {
		d.Readers = d.Writer
		d.Writer.SetMaxOpenConns(maxShared)
		d.Writer.SetMaxIdleConns(maxShared) // else the third is opened and prepared for anew each time
		return nil
	}
	if d.Readers, err = openPool(d.path, pragmas{"query_only": "1", "cache_size": kibibytes(cacheKiB)}); err != nil {
		return errors.Join(err, d.Writer.Close())
	}
	d.Writer.SetMaxOpenConns(1)
	d.Readers.SetMaxOpenConns(maxReaders)
	d.Readers.SetMaxIdleConns(maxReaders)
	d.Readers.SetConnMaxIdleTime(readerIdle)
	return nil
}

// pragmas are set on each connection of a pool. The driver sets them in the
// order of their names, so auto_vacuum comes before there is anything in a file.
type pragmas map[string]string

// writing is the pragmas of connections that write.
func (f Format) writing() pragmas {
	set := pragmas{
		"journal_mode": "WAL", "synchronous": string(f.Durability),
		"cache_size": kibibytes(max(f.CacheKiB, cacheKiB)), "wal_autocheckpoint": fmt.Sprint(checkpointPages),
	}
	maps.Copy(set, f.Pragmas)
	return set
}

// kibibytes is a cache's size as SQLite has it: a positive one counts pages.
func kibibytes(n int) string { return fmt.Sprintf("-%d", n) }

// openPool gives connections on which the pragmas hold. It opens none yet.
func openPool(path string, set pragmas) (*sql.DB, error) {
	return open(path, url.Values{"_txlock": {"immediate"}, "mode": {"rw"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyMillis),
		fmt.Sprintf("journal_size_limit(%d)", maxLogBytes),
	}}, set)
}

func open(path string, query url.Values, set pragmas) (*sql.DB, error) {
	for name, value := range set {
		query.Add("_pragma", name+"("+value+")")
	}
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", source.String())
}

// OpenToRead opens the database at path to be looked at, without a change to it or
// beside it; only for one with a log, which a crash leaves, SQLite needs its own
// index of that. Nobody else may have it open. One of an older version that the
// steps lead on from is read as it is. It is always checked. Errors are as for
// Open, and fs.ErrNotExist.
func OpenToRead(ctx context.Context, path string, format Format) (*DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	query := url.Values{"mode": {"ro"}}
	if log, err := os.Stat(path + logSuffix); err != nil || log.Size() == 0 {
		query.Set("immutable", "1")
	}
	d := newDB(path, format)
	if info.Size() == 0 {
		return nil, d.Explain(fmt.Errorf("%w: it is empty", ErrDamaged))
	}
	if d.Readers, err = open(path, query, pragmas{"query_only": "1"}); err != nil {
		return nil, err
	}
	d.Writer = d.Readers
	if _, err := d.checkFormat(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	if err := d.QuickCheck(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}

// OpenDamaged gives a connection that reads what can still be read of a
// database, without a look at its soundness.
func OpenDamaged(path string) (*sql.DB, error) { return openPool(path, pragmas{"query_only": "1"}) }

// Close gives the database back. Transactions under way end with an error.
func (d *DB) Close() error { return errors.Join(d.Readers.Close(), d.Writer.Close()) }

// gone reports whether there is no file at the database's path any more.
func (d *DB) gone() bool {
	_, err := os.Lstat(d.path)
	return errors.Is(err, fs.ErrNotExist)
}
