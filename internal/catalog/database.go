package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"shoal"
)

// How the database is used. Each connection has a page cache of its own, so
// there are few, and those that are not needed are closed.
const (
	cacheKiB        = 256
	maxReaders      = 3
	readerIdle      = 30 * time.Second
	busyMillis      = 10_000
	maxJournalBytes = 4 << 20 // that the write-ahead log keeps when it is empty
)

// ErrDamaged means that the database is not what was written. It is a
// shoal.Integrity, and Repair saves what can be saved.
var ErrDamaged = fmt.Errorf("the catalogue is damaged: %w", shoal.Integrity)

// hintDamaged is for the person who sees ErrDamaged.
const hintDamaged = "stop the node and run `shoal doctor --rebuild`: it keeps the damaged file aside and saves the names that can still be read"

// database is the SQLite file in WAL mode: one connection writes, and a few
// read beside it without waiting.
type database struct {
	writer  *sql.DB
	readers *sql.DB
	put     *sql.Stmt // putEntry, closed with the writer
}

// openDatabase opens a database that is there, if it is a catalogue and sound.
func openDatabase(ctx context.Context, path string) (*database, error) {
	writer, err := openPool(path, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	readers, err := openPool(path, "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	writer.SetMaxOpenConns(1)
	readers.SetMaxOpenConns(maxReaders)
	readers.SetMaxIdleConns(1)
	readers.SetConnMaxIdleTime(readerIdle)
	d := &database{writer: writer, readers: readers}
	if err := d.checkShape(ctx); err != nil { // before the writer touches it
		return nil, errors.Join(err, d.close())
	}
	if d.put, err = writer.PrepareContext(ctx, putEntry); err != nil {
		return nil, errors.Join(explain(err), d.close())
	}
	return d, nil
}

// openPool gives connections on which the pragmas hold. It opens none yet.
func openPool(path string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "mode": {"rw"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyMillis),
		fmt.Sprintf("cache_size(-%d)", cacheKiB),
		fmt.Sprintf("journal_size_limit(%d)", maxJournalBytes),
	}}
	query["_pragma"] = append(query["_pragma"], pragmas...)
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", source.String())
}

// transact runs the writes in one transaction, durable on return.
func (d *database) transact(writes []func(*sql.Tx) error) error {
	tx, err := d.writer.Begin()
	if err != nil {
		return err
	}
	for _, write := range writes {
		if err := write(tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (d *database) close() error {
	return errors.Join(d.readers.Close(), d.writer.Close())
}

// explain gives an error of SQLite's the code and the hint it deserves.
func explain(err error) error {
	if errors.Is(err, ErrDamaged) {
		return shoal.WithHint(err, hintDamaged)
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	const primary = 0xff // extended codes have the plain one in the low byte
	switch failure.Code() & primary {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return shoal.WithHint(fmt.Errorf("%w: %w", ErrDamaged, err), hintDamaged)
	case lib.SQLITE_FULL:
		return shoal.WithHint(fmt.Errorf("%w: %w", shoal.NoSpace, err), "make room on the disk; the node goes on by itself then")
	}
	return err
}
