package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"shoal"
)

// Mendable is a database that replaces itself when a query finds it damaged. Its
// methods are safe for use by many goroutines at once.
type Mendable struct {
	mend func(ctx context.Context, damaged *DB) (*DB, error)

	// using guards the fields below. It is held for reading during each use of the
	// database, and for writing while the database is replaced.
	using    sync.RWMutex
	data     *DB
	hopeless error // why mend failed, unless there was no space
}

// NewMendable returns a Mendable that owns an open database. mend closes the damaged
// database, makes another one in its place and returns that open. No query runs
// during mend. After an error mend is called again only if it was shoal.NoSpace.
func NewMendable(data *DB, mend func(ctx context.Context, damaged *DB) (*DB, error)) *Mendable {
	return &Mendable{data: data, mend: mend}
}

// Do runs work on the database. If work returns ErrDamaged, Do mends the database
// and runs work once more, on the saved rows. So work must be repeatable. Do blocks
// while another call mends the database. Errors: those of work and mend.
func (m *Mendable) Do(ctx context.Context, work func(*DB) error) error {
	used, err := m.attempt(work)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	if err := m.replace(context.WithoutCancel(ctx), used); err != nil {
		return err
	}
	return m.Try(work)
}

// Try runs work on the database without mending it. Errors: those of work.
func (m *Mendable) Try(work func(*DB) error) error {
	_, err := m.attempt(work)
	return err
}

func (m *Mendable) attempt(work func(*DB) error) (*DB, error) {
	m.using.RLock()
	defer m.using.RUnlock()
	return m.data, work(m.data)
}

// Transact runs DB.Transact by Do.
func (m *Mendable) Transact(ctx context.Context, write func(*sql.Tx) error) error {
	return m.Do(ctx, func(d *DB) error { return d.Transact(ctx, write) })
}

// replace mends a damaged database, unless another call has. Other uses wait. After
// shoal.NoSpace the next call that finds the damage tries again.
func (m *Mendable) replace(ctx context.Context, damaged *DB) error {
	m.using.Lock()
	defer m.using.Unlock()
	if m.data != damaged {
		return nil // another call has mended it
	}
	if m.hopeless != nil {
		return m.hopeless
	}
	whole, err := m.mend(ctx, damaged)
	if err != nil {
		if !errors.Is(err, shoal.NoSpace) {
			m.hopeless = err
		}
		return err
	}
	m.data = whole
	return nil
}

// Close closes the database.
func (m *Mendable) Close() error { return m.data.Close() }
