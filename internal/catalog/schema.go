package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
)

// The format. applicationID is what file(1) and SQLite know a catalogue by:
// "shoa" in ASCII.
const (
	applicationID = 0x73686f61
	version       = 1
)

// schema of version 1. seq is the order of puts; every index ends in it, as
// in SQLite every index ends in the row's key, so the latest entry of a name
// is the last one of its range in entries_by_name. Text compares as bytes.
const schema = `
CREATE TABLE entries (
	seq   INTEGER PRIMARY KEY,
	name  TEXT    NOT NULL,
	base  TEXT    NOT NULL,
	id    BLOB    NOT NULL CHECK (length(id) = 32),
	size  INTEGER NOT NULL CHECK (size >= 0),
	chunk INTEGER NOT NULL CHECK (chunk > 0),
	added INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_by_name ON entries (name);
CREATE INDEX entries_by_base ON entries (base, name);
CREATE UNIQUE INDEX entries_by_id ON entries (id, name);
`

// The files SQLite keeps beside a database.
const (
	logSuffix   = "-wal"
	indexSuffix = "-shm"
	newSuffix   = ".new"
)

// createIfMissing makes an empty catalogue at path, if there is nothing. It
// appears whole or not at all, so that an empty file is known to be damage. So
// is a log without its database: its entries were acknowledged.
func createIfMissing(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, err := os.Lstat(path + logSuffix); err == nil && info.Size() > 0 {
		return shoal.WithHint(fmt.Errorf("%w: its log is there, but the database itself is gone", ErrDamaged), hintDamaged)
	}
	if err := create(ctx, path+newSuffix); err != nil {
		return err
	}
	return install(path)
}

// create makes an empty catalogue at path, in place of what an interrupted
// attempt left there.
func create(ctx context.Context, path string) error {
	if err := removeDatabase(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	pool, err := openPool(path, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	_, err = pool.ExecContext(ctx, fmt.Sprintf("BEGIN; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", schema, applicationID, version))
	return errors.Join(explain(err), pool.Close())
}

// install gives what create made its name, durably.
func install(path string) error {
	if err := os.Rename(path+newSuffix, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// removeDatabase removes the database at path, if there is one, and its log.
func removeDatabase(path string) error {
	for _, name := range []string{path, path + logSuffix, path + indexSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// checkShape reports whether the database is a catalogue of this version, and
// sound as far as a quick look shows.
func (d *database) checkShape(ctx context.Context) error {
	var application, found int
	row := d.readers.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version")
	if err := row.Scan(&application, &found); err != nil {
		return explain(err)
	}
	switch {
	case application != applicationID || found < 1:
		return shoal.WithHint(fmt.Errorf("%w: it is not a catalogue of Shoal", ErrDamaged), hintDamaged)
	case found > version:
		return shoal.WithHint(fmt.Errorf("it is of version %d, and this program knows %d: %w", found, version, shoal.Usage),
			"use the newer shoal that wrote it")
	}
	return d.check(ctx, "PRAGMA quick_check(1)")
}

// check runs one of SQLite's own checks.
func (d *database) check(ctx context.Context, pragma string) error {
	var verdict string
	if err := d.readers.QueryRowContext(ctx, pragma).Scan(&verdict); err != nil {
		return explain(err)
	}
	if verdict != "ok" {
		return shoal.WithHint(fmt.Errorf("%w: %s", ErrDamaged, verdict), hintDamaged)
	}
	return nil
}
