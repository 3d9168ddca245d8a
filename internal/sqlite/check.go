package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"shoal"
)

// prepare checks a database that was just opened, and brings it to its version.
func (d *DB) prepare(ctx context.Context) error {
	found, err := d.checkFormat(ctx) // before anything is written to it
	if err != nil {
		return err
	}
	if !d.format.CheckInUse {
		if err := d.QuickCheck(ctx); err != nil {
			return err
		}
	}
	if found == d.format.Version {
		return nil
	}
	return d.Transact(ctx, func(tx *sql.Tx) error { return d.format.bring(ctx, tx, found) })
}

// checkFormat checks the application id, and returns the version.
func (d *DB) checkFormat(ctx context.Context) (version int, err error) {
	var application int
	row := d.Readers.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version")
	if err := row.Scan(&application, &version); err != nil {
		return 0, d.Explain(err)
	}
	switch {
	case application != d.format.Application || version < 1:
		return 0, d.Explain(fmt.Errorf("%w: it is not what it should be", ErrDamaged))
	case version < d.format.oldest():
		return 0, fmt.Errorf("%w: it is of version %d, and this program needs %d", ErrOutdated, version, d.format.Version)
	case version > d.format.Version:
		return 0, shoal.WithHint(fmt.Errorf("it is of version %d, and this program knows %d: %w", version, d.format.Version, shoal.Usage),
			"use the newer shoal that wrote it")
	}
	return version, nil
}

// bring runs the steps from a version to the format's; from 0, all of them.
func (f Format) bring(ctx context.Context, tx *sql.Tx, from int) error {
	for _, step := range f.Steps[max(0, from-f.oldest()+1):] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return stepError(err)
		}
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", f.Version))
	return err
}

// stepError returns ErrDamaged if a step failed because the tables of the
// database's version are missing.
func stepError(err error) error {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if ok && primary(failure) == lib.SQLITE_ERROR {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// QuickCheck reads every page of the database, without comparing indexes with
// tables. Errors: ErrDamaged.
func (d *DB) QuickCheck(ctx context.Context) error { return d.check(ctx, "PRAGMA quick_check(1)") }

// Check checks the whole structure of the database, indexes included. Errors:
// ErrDamaged.
func (d *DB) Check(ctx context.Context) error { return d.check(ctx, "PRAGMA integrity_check(1)") }

// check runs one of SQLite's own checks.
func (d *DB) check(ctx context.Context, pragma string) error {
	var verdict string
	if err := d.Readers.QueryRowContext(ctx, pragma).Scan(&verdict); err != nil {
		return d.Explain(err)
	}
	if verdict != "ok" {
		return d.Explain(ErrDamaged) // the verdict names pages of SQLite's, which help nobody here
	}
	return nil
}
