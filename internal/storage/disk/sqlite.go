package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"shoal"
)

// How a database is used. Its writers take turns, its readers do not wait.
const (
	// maxConnections bounds the page caches: cacheKiB for each.
	maxConnections  = 3
	cacheKiB        = 512
	busyMillis      = 10_000
	maxJournalBytes = 4 << 20
)

// ownerOnly is the mode of a database's file, as of all others of a store.
const ownerOnly = 0o600

// errDamaged means that a database cannot be used and must be made anew.
var errDamaged = errors.New("database is damaged")

// database is a SQLite database in WAL mode whose commits are durable. SQLite
// opens it by its path: it is the one thing of a store that does not go
// through vfs.
type database struct {
	*sql.DB
	fresh bool // it was empty when it was opened
	*statements
}

// statements keeps the queries of a database prepared.
type statements struct {
	// mu guards the map, and that each query is prepared once.
	mu     sync.Mutex
	byText map[string]*sql.Stmt
}

func newStatements() *statements { return &statements{byText: map[string]*sql.Stmt{}} }

// statement gives the prepared query, of which there are only as many as are
// written in this package.
func (d database) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.byText[query]; s != nil {
		return s, nil
	}
	s, err := d.PrepareContext(ctx, query)
	if err == nil {
		d.byText[query] = s
	}
	return s, err
}

// row runs a query that gives at most one row; shoal.NotFound if it gives none.
func (d database) row(ctx context.Context, query string, args []any, into ...any) error {
	s, err := d.statement(ctx, query)
	if err == nil {
		err = s.QueryRowContext(ctx, args...).Scan(into...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return shoal.NotFound
	}
	return sqlError(err)
}

// rows runs a query that gives many.
func (d database) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := d.statement(ctx, query)
	if err != nil {
		return nil, sqlError(err)
	}
	found, err := s.QueryContext(ctx, args...)
	return found, sqlError(err)
}

// schema is the steps that make the tables of a database. A database of version
// n has taken the first n, and takes the others when it is opened.
type schema []string

// openDatabase opens the database at path, made if it is not there, and sees
// that it has the schema. An error is errDamaged when the file is no database
// of this kind.
func openDatabase(ctx context.Context, path string, steps schema) (database, error) {
	if err := private(path); err != nil {
		return database{}, fmt.Errorf("open %s: %w", path, err)
	}
	pool, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return database{}, fmt.Errorf("open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(maxConnections)
	pool.SetMaxIdleConns(maxConnections) // else the third is opened and prepared for anew each time
	d := database{DB: pool, statements: newStatements()}
	if err := d.prepare(ctx, steps); err != nil {
		return database{}, errors.Join(fmt.Errorf("open %s: %w", path, err), pool.Close())
	}
	return d, nil
}

// private makes a file that is its owner's alone, or what is there so. The log and
// the index that SQLite puts beside it get the same mode.
func private(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, ownerOnly)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(ownerOnly), file.Close())
}

func dataSource(path string) string {
	query := url.Values{"_txlock": {"immediate"}}
	for _, pragma := range []string{
		fmt.Sprintf("busy_timeout(%d)", busyMillis),
		"auto_vacuum(INCREMENTAL)", // before there is anything in it
		"journal_mode(WAL)",
		"synchronous(FULL)",
		fmt.Sprintf("cache_size(-%d)", cacheKiB),
		fmt.Sprintf("journal_size_limit(%d)", maxJournalBytes),
		"temp_store(MEMORY)",
	} {
		query.Add("_pragma", pragma)
	}
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return source.String()
}

// prepare takes the steps of the schema that the database has not taken.
func (d *database) prepare(ctx context.Context, steps schema) error {
	var found int
	if err := d.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return sqlError(err)
	}
	if found < 0 || found > len(steps) {
		return tooNew(found, len(steps))
	}
	if found == len(steps) {
		return nil
	}
	d.fresh = found == 0
	return d.write(ctx, func(tx *sql.Tx) error {
		for _, step := range steps[found:] {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return stepError(err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps)))
		return err
	})
}

func tooNew(found, known int) error {
	return shoal.WithHint(fmt.Errorf("it is of version %d, and this program knows %d: %w", found, known, shoal.Usage),
		"use the newer shoal that wrote it")
}

// stepError tells a database that has not the tables its version says from a
// disk that is full or fails.
func stepError(err error) error {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if ok && failure.Code() == lib.SQLITE_ERROR {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// check has SQLite look through the whole database for damage.
func (d database) check(ctx context.Context) error {
	var verdict string
	if err := d.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return sqlError(err)
	}
	if verdict != "ok" {
		return errDamaged // the verdict is for who knows SQLite from within
	}
	return nil
}

// write runs one transaction, durable on return.
func (d database) write(ctx context.Context, run func(*sql.Tx) error) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return sqlError(err)
	}
	if err := run(tx); err != nil {
		return errors.Join(sqlError(err), tx.Rollback())
	}
	return sqlError(tx.Commit())
}

// sqlError gives an error of SQLite's the code it deserves.
func sqlError(err error) error {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	const primary = 0xff // extended codes have the plain one in the low byte
	switch failure.Code() & primary {
	case lib.SQLITE_FULL:
		return fmt.Errorf("%w: %w", shoal.NoSpace, err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%w (SQLite error %d)", errDamaged, failure.Code())
	case lib.SQLITE_ERROR:
		if strings.Contains(failure.Error(), "no such table") { // its file was deleted or emptied in use
			return fmt.Errorf("%w: its tables are gone", errDamaged)
		}
	case lib.SQLITE_IOERR:
		return fmt.Errorf("%w: %w", errSync, err)
	}
	return err
}
