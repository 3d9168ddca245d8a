package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"shoal"
)

// ErrDamaged means that a database is not what was written. It has the code that
// its Format says.
var ErrDamaged = errors.New("the database is damaged")

// ErrOutdated means that a database is of a version before the format's steps.
var ErrOutdated = fmt.Errorf("the database was written by an older shoal: %w", shoal.Usage)

// Explain gives an error of SQLite's the code and the hint it deserves: damage is
// ErrDamaged, a full disk shoal.NoSpace. Other errors stay as they are.
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
		if strings.Contains(failure.Error(), "no such table") { // its file was emptied in use
			return d.damaged(fmt.Errorf("%w: its tables are gone", ErrDamaged))
		}
	case lib.SQLITE_CANTOPEN:
		if d.gone() {
			return d.damaged(fmt.Errorf("%w: its file is gone", ErrDamaged))
		}
	}
	return err
}

// primary is an error's plain code, which extended codes have in the low byte.
func primary(failure *sqlite.Error) int { return failure.Code() & 0xff }

// damaged gives damage the code and the hint that the format says.
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
