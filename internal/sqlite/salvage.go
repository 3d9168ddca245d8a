package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// Salvage reads the readable rows of one table of a damaged database. The queries
// All and Keys contain %s for the order, ASC or DESC, and may repeat it as %[1]s.
// A failed query on the damaged database is expected, and is no error.
type Salvage struct {
	From *sql.DB // see OpenDamaged
	All  string  // selects all rows in the table's own order, without an index
	Keys string  // selects the keys of all rows from an index alone
	One  string  // selects the row with a key; the columns of the key are the arguments

	// Keep stores a row, and reports whether the row is valid.
	Keep func(row *sql.Rows) (valid bool, err error)

	// Known reports whether Keep has stored the row with a key. ByKey calls it with
	// every key in the index.
	Known func(key []any) (bool, error)
}

// Rows reads the table from both ends up to the damage, and reports whether it read
// the whole table. Errors: those of Keep and ctx.
func (s Salvage) Rows(ctx context.Context) (all bool, err error) {
	for _, order := range []string{"ASC", "DESC"} {
		all, err := read(ctx, s.From, fmt.Sprintf(s.All, order), nil, func(row *sql.Rows) error {
			_, err := s.Keep(row)
			return err
		})
		if all || err != nil {
			return all, err
		}
	}
	return false, nil
}

// ByKey reads the rows whose keys are in the index and not yet Known, one by one. It
// returns how many of them are unreadable, and whether the whole index is readable.
// Errors: those of Keep, Known and ctx.
func (s Salvage) ByKey(ctx context.Context) (lost int, all bool, err error) {
	for _, order := range []string{"ASC", "DESC"} {
		all, err := read(ctx, s.From, fmt.Sprintf(s.Keys, order), nil, func(row *sql.Rows) error {
			missed, err := s.byKey(ctx, row)
			if missed {
				lost++
			}
			return err
		})
		if all || err != nil {
			return lost, all, err
		}
	}
	return lost, false, nil
}

// byKey reads the row with the index's current key, and reports whether it is lost.
func (s Salvage) byKey(ctx context.Context, index *sql.Rows) (lost bool, err error) {
	key, ok := columnsOf(index)
	if !ok {
		return false, nil
	}
	known, err := s.Known(key)
	if known || err != nil {
		return false, err
	}
	found := false
	_, err = read(ctx, s.From, s.One, key, func(row *sql.Rows) error {
		valid, err := s.Keep(row)
		found = found || valid
		return err
	})
	return !found, err
}

// columnsOf reads all columns of a row.
func columnsOf(row *sql.Rows) (values []any, ok bool) {
	names, err := row.Columns()
	if err != nil {
		return nil, false
	}
	values = make([]any, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	return values, row.Scan(into...) == nil
}

// read calls each with the rows of a query, and reports whether it read all of them.
// Errors: those of each and ctx.
func read(ctx context.Context, from *sql.DB, query string, args []any, each func(*sql.Rows) error) (all bool, err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return false, ctx.Err() // damage is expected here
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return false, err
		}
	}
	return rows.Err() == nil, ctx.Err()
}
