// Package sqlite is the one way in which the project uses SQLite files: it opens
// them with the pragmas, pools and checks that a Format asks for, brings them to
// its version, caches prepared queries, and gives SQLite's errors the codes and
// hints of package shoal. It saves the readable rows of a damaged file (Salvage,
// Pages), and replaces a damaged database in use (Mendable).
//
// It does not know the meaning of the tables.
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

// The limits of a database's use. Each connection has its own page cache, so there
// are few connections, and idle ones are closed.
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

// The values of SQLite's pragma synchronous in use.
const (
	OnCommit Durability = "FULL"   // a commit waits for the disk, and survives a power cut
	Later    Durability = "NORMAL" // a commit does not wait: a power cut may undo the last commits, and nothing worse
)

// Format tells a kind of database from others, and says how it is used.
type Format struct {
	Application int // SQLite's application_id, which file(1) shows; 0 if it has none
	Version     int // of the schema, from 1 on

	// Steps are the SQL that makes the tables. The first step makes the oldest
	// supported version, each further step the next version, and the last step
	// Version. Open runs all steps on an empty database, and the missing steps on an
	// older one. A version before the oldest is ErrOutdated.
	Steps []string

	Durability Durability        // of transactions
	Pragmas    map[string]string // of writing connections; they override the package's own
	CacheKiB   int               // page cache of a writing connection; at least 256
	Shared     bool              // up to 3 connections read and write, and stay open; else 1 writes and up to 3 read
	CheckInUse bool              // Open skips quick_check; the first query that meets damage reports it

	// Code and Hint are added to ErrDamaged, for a person. A caller that mends the
	// database itself leaves both out.
	Code shoal.Code
	Hint string
}

// oldest returns the version that the first step makes.
func (f Format) oldest() int { return f.Version - len(f.Steps) + 1 }

// DB is an open database in WAL mode. Its methods are safe for use by many
// goroutines at once.
type DB struct {
	Writer  *sql.DB // one connection, unless the format is Shared
	Readers *sql.DB // they see committed data, and never wait for the writer
	Made    bool    // there was no file, and Open made an empty database

	path   string
	format Format

	mu       sync.Mutex // guards prepared, and that each query is prepared once
	prepared map[string]*sql.Stmt
}

// Open opens the database at path, and makes an empty one if there is no file. It
// blocks while SQLite checks the file. Errors, after which the file is unchanged:
// ErrDamaged for damage and for another format; ErrOutdated for a version before
// the format's steps; shoal.Usage for a newer version.
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

// private restricts a database's file to its owner.
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
		d.Writer.SetMaxIdleConns(maxShared) // else the third connection is opened and prepared anew each time
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

// OpenToRead opens the database at path without changing the folder. Only after a
// crash, which leaves a write-ahead log, SQLite makes its index of that log. No
// other process may have the database open. An older version that the steps
// support stays as it is. OpenToRead always runs quick_check. Errors: those of Open;
// fs.ErrNotExist.
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

// OpenDamaged opens a database for reading without checking it. Queries on it may
// fail at any row.
func OpenDamaged(path string) (*sql.DB, error) { return openPool(path, pragmas{"query_only": "1"}) }

// Close gives the database back. Transactions under way end with an error.
func (d *DB) Close() error { return errors.Join(d.Readers.Close(), d.Writer.Close()) }

// gone reports whether there is no file at the database's path any more.
func (d *DB) gone() bool {
	_, err := os.Lstat(d.path)
	return errors.Is(err, fs.ErrNotExist)
}
