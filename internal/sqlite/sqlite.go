// Package sqlite opens the SQLite files of the catalogue, one writer and a
// few readers to each, and gives their errors the codes of package shoal.
//
// It does not know what is in them.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // pure Go: the product is built without cgo
	lib "modernc.org/sqlite/lib"

	"shoal"
)

// How a database is used. Each connection has a page cache of its own, so there
// are few, and those that are not needed are closed.
const (
	cacheKiB    = 256
	maxReaders  = 3
	readerIdle  = 30 * time.Second
	busyMillis  = 10_000
	maxLogBytes = 4 << 20 // that the write-ahead log keeps when it is empty

	// checkpointPages is how long the log gets before it is played into the
	// database: while many rows are added, a page of an index changes many
	// times, and is written there once.
	checkpointPages = 8192
)

// ErrDamaged means that a database is not what was written.
var ErrDamaged = fmt.Errorf("the database is damaged: %w", shoal.Integrity)

// ErrOutdated means that a database is of a version before the format's.
var ErrOutdated = fmt.Errorf("the database was written by an older shoal: %w", shoal.Usage)

// Durability says when a transaction is on the disk.
type Durability string

// What a commit waits for, as SQLite's pragma synchronous says it.
const (
	OnCommit Durability = "FULL"   // for the disk: what is committed survives a power cut
	Later    Durability = "NORMAL" // for nothing: a power cut may undo the last commits, and nothing worse
)

// Format tells a kind of database from others.
type Format struct {
	Application int        // SQLite's application_id, which file(1) shows
	Version     int        // of the schema
	Schema      string     // of an empty one
	Durability  Durability // of what is written
	CacheKiB    int        // of the writer, when it needs it; 0 is a little
	Damaged     string     // what a person can do about ErrDamaged
}

// DB is an open database in WAL mode. Its methods are safe for use by many
// goroutines at once.
type DB struct {
	Writer  *sql.DB // one connection
	Readers *sql.DB // they see what is committed, and wait for nobody
	format  Format

	mu       sync.Mutex // guards prepared, and that each query is prepared once
	prepared map[string]*sql.Stmt
}

// Open opens the database at path, and makes it if nothing is there. What is
// damaged or of another format is ErrDamaged, what is of an older version
// ErrOutdated, of a newer one shoal.Usage; all of them are left as they are.
func Open(ctx context.Context, path string, format Format) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := createIfMissing(ctx, path, format); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	writer, err := openPool(path, "journal_mode(WAL)", "synchronous("+string(format.Durability)+")",
		fmt.Sprintf("cache_size(-%d)", max(format.CacheKiB, cacheKiB)), fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages))
	if err != nil {
		return nil, err
	}
	readers, err := openPool(path, "query_only(1)", fmt.Sprintf("cache_size(-%d)", cacheKiB))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	writer.SetMaxOpenConns(1)
	readers.SetMaxOpenConns(maxReaders)
	readers.SetMaxIdleConns(maxReaders)
	readers.SetConnMaxIdleTime(readerIdle)
	d := &DB{Writer: writer, Readers: readers, format: format, prepared: make(map[string]*sql.Stmt)}
	if err := d.checkFormat(ctx); err != nil { // before the writer touches it
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}

// QueryContext is a query of the readers' that is asked often: it is kept
// prepared as long as the database is open. There must be only as many as
// are written in the program.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := d.statement(query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

func (d *DB) statement(query string) (*sql.Stmt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.prepared[query]; s != nil {
		return s, nil
	}
	s, err := d.Readers.Prepare(query) // for all who will ask it, and not for one call's context
	if err == nil {
		d.prepared[query] = s
	}
	return s, err
}

// Close gives the database back. Transactions under way end with an error.
func (d *DB) Close() error { return errors.Join(d.Readers.Close(), d.Writer.Close()) }

// openPool gives connections on which the pragmas hold. It opens none yet.
func openPool(path string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "mode": {"rw"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyMillis),
		fmt.Sprintf("journal_size_limit(%d)", maxLogBytes),
	}}
	query["_pragma"] = append(query["_pragma"], pragmas...)
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", source.String())
}

// Transact runs a write in a transaction: all of it happens, or nothing. It is
// for one caller at a time; others wait.
func (d *DB) Transact(ctx context.Context, write func(*sql.Tx) error) error {
	tx, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		return d.Explain(err)
	}
	if err := write(tx); err != nil {
		return d.Explain(errors.Join(err, tx.Rollback()))
	}
	return d.Explain(tx.Commit())
}

// Check looks at the whole structure of the database. Damage is ErrDamaged.
func (d *DB) Check(ctx context.Context) error { return d.check(ctx, "PRAGMA integrity_check(1)") }

// checkFormat reports whether the database is of its format, and sound as far
// as a quick look shows.
func (d *DB) checkFormat(ctx context.Context) error {
	var application, found int
	row := d.Readers.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version")
	if err := row.Scan(&application, &found); err != nil {
		return d.Explain(err)
	}
	switch {
	case application != d.format.Application:
		return d.Explain(fmt.Errorf("%w: it is not what it should be", ErrDamaged))
	case found < d.format.Version:
		return fmt.Errorf("%w: it is of version %d, and this program needs %d", ErrOutdated, found, d.format.Version)
	case found > d.format.Version:
		return shoal.WithHint(fmt.Errorf("it is of version %d, and this program knows %d: %w", found, d.format.Version, shoal.Usage),
			"use the newer shoal that wrote it")
	}
	return d.check(ctx, "PRAGMA quick_check(1)")
}

// check runs one of SQLite's own checks.
func (d *DB) check(ctx context.Context, pragma string) error {
	var verdict string
	if err := d.Readers.QueryRowContext(ctx, pragma).Scan(&verdict); err != nil {
		return d.Explain(err)
	}
	if verdict != "ok" {
		return d.Explain(ErrDamaged) // the verdict is for who knows SQLite from within
	}
	return nil
}

// Explain gives an error of SQLite's the code and the hint it deserves.
func (d *DB) Explain(err error) error {
	if errors.Is(err, ErrDamaged) {
		return shoal.WithHint(err, d.format.Damaged)
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	const primary = 0xff // extended codes have the plain one in the low byte
	switch failure.Code() & primary {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return shoal.WithHint(fmt.Errorf("%w (SQLite error %d)", ErrDamaged, failure.Code()), d.format.Damaged)
	case lib.SQLITE_FULL:
		return shoal.WithHint(fmt.Errorf("%w: %w", shoal.NoSpace, err), "make room on the disk; the node goes on by itself then")
	}
	return err
}

// OpenDamaged gives a connection that reads what can still be read of a
// database, without a look at its soundness.
func OpenDamaged(path string) (*sql.DB, error) { return openPool(path, "query_only(1)") }

// OpenToRead opens the database at path to be looked at, without a change to it or
// beside it; only for one with a log, which a crash leaves, SQLite needs its own
// index of that. Nobody else may have it open. Errors are as for Open, and
// fs.ErrNotExist.
func OpenToRead(ctx context.Context, path string, format Format) (*DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)"}}
	if log, err := os.Stat(path + logSuffix); err != nil || log.Size() == 0 {
		query.Set("immutable", "1")
	}
	d := &DB{format: format, prepared: make(map[string]*sql.Stmt)}
	if info.Size() == 0 {
		return nil, d.Explain(fmt.Errorf("%w: it is empty", ErrDamaged))
	}
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	if d.Readers, err = sql.Open("sqlite", source.String()); err != nil {
		return nil, err
	}
	d.Writer = d.Readers
	if err := d.checkFormat(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}
