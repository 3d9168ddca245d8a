package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// Salvage reads what can still be read of one table of a damaged database. Its
// queries leave one %s for the order, ASC or DESC, and may repeat it as %[1]s.
// That a query of the damaged database fails is expected, and is no error.
type Salvage struct {
	From *sql.DB // see OpenDamaged
	All  string  // gives all rows, in the table's own order and without an index
	Keys string  // gives the keys of all rows, from an index alone
	One  string  // gives the row with a key, whose columns are the arguments

	// Keep takes a row in, and reports whether it is of any use.
	Keep func(row *sql.Rows) (useful bool, err error)

	// Known reports whether the row with a key was kept. It is asked about every
	// key that the index names.
	Known func(key []any) (bool, error)
}

// Rows reads the table from either end up to the damage. It reports whether that
// is all of it. Errors are those of Keep and ctx.
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

// ByKey reads, one by one, the rows that the index names and that are not known
// yet. It returns how many of them cannot be read, and whether the index names
// all of its rows. Errors are those of Keep, Known and ctx.
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

// byKey reads the row whose key the index gives, and reports whether it is lost.
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
		useful, err := s.Keep(row)
		found = found || useful
		return err
	})
	return !found, err
}

// columnsOf reads a row, whatever it has.
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

// read calls each with the rows that a query gives, and reports whether it gave
// them all. Errors are those of each and ctx.
func read(ctx context.Context, from *sql.DB, query string, args []any, each func(*sql.Rows) error) (all bool, err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return false, ctx.Err() // damage is what is expected here
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return false, err
		}
	}
	return rows.Err() == nil, ctx.Err()
}
