package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"shoal"
)

// QueryContext runs a query on the readers, and keeps it prepared as long as the
// database is open. Callers pass constant texts only: the cache has no bound. Errors
// are SQLite's own: see Explain.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := d.statement(query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// Row runs such a query and reads its first row. Errors: shoal.NotFound if there is
// no row; those of Explain.
func (d *DB) Row(ctx context.Context, query string, args []any, into ...any) error {
	statement, err := d.statement(query)
	if err == nil {
		err = statement.QueryRowContext(ctx, args...).Scan(into...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return shoal.NotFound
	}
	return d.Explain(err)
}

func (d *DB) statement(query string) (*sql.Stmt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.prepared[query]; s != nil {
		return s, nil
	}
	s, err := d.Readers.Prepare(query) // not with a call's context: later calls use it too
	if err == nil {
		d.prepared[query] = s
	}
	return s, err
}

// Transact runs a write in a transaction: all of it happens, or nothing. Calls
// wait for each other. Errors: those of write and of Explain.
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
