package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"shoal"
)

// ErrDamaged means that a database's contents are damaged. The database's Format
// says which code and hint it has.
var ErrDamaged = errors.New("the database is damaged")

// ErrOutdated means that a database is of a version before the format's steps.
var ErrOutdated = fmt.Errorf("the database was written by an older shoal: %w", shoal.Usage)

// Explain adds a code and a hint to an error of SQLite: ErrDamaged for damage,
// shoal.NoSpace for a full disk. It returns other errors unchanged.
func (d *DB) Explain(err error) error {
	if errors.Is(err, ErrDamaged) {
		return d.damaged(err)
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch primary(failure) {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return d.damaged(fmt.Errorf("%w (SQLite error %d)", ErrDamaged, failure.Code()))
	case lib.SQLITE_FULL:
		return shoal.WithHint(fmt.Errorf("%w: %w", shoal.NoSpace, err), "make room on the disk; the node goes on by itself then")
	case lib.SQLITE_ERROR:
		if strings.Contains(failure.Error(), "no such table") { // the file was emptied in use
			return d.damaged(fmt.Errorf("%w: its tables are gone", ErrDamaged))
		}
	case lib.SQLITE_CANTOPEN:
		if d.gone() {
			return d.damaged(fmt.Errorf("%w: its file is gone", ErrDamaged))
		}
	}
	return err
}

// primary returns an error's primary code, the low byte of an extended code.
func primary(failure *sqlite.Error) int { return failure.Code() & 0xff }

// damaged adds the format's code and hint.
func (d *DB) damaged(err error) error {
	if d.format.Hint != "" {
		err = shoal.WithHint(err, d.format.Hint)
	}
	if d.format.Code != 0 && !errors.Is(err, d.format.Code) {
		err = damage{err, d.format.Code}
	}
	return err
}

// damage is an ErrDamaged with a code.
type damage struct {
	error
	code shoal.Code
}

func (d damage) Unwrap() []error { return []error{d.error, d.code} }
