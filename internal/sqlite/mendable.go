package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"shoal"
)

// Mendable is a database that is replaced while it is in use when it turns out to
// be damaged. Its methods are safe for use by many goroutines at once.
type Mendable struct {
	mend func(ctx context.Context, damaged *DB) (*DB, error)

	// using guards what is below: it is held for reading over each use of the
	// database, and for writing while another is put in its place.
	using    sync.RWMutex
	data     *DB
	hopeless error // why a damaged one cannot be replaced
}

// NewMendable takes an open database over. mend makes another in the place of a
// damaged one and returns it open; then the damaged one is closed. Nobody uses
// either meanwhile. If it fails, mend is called again only if that was shoal.NoSpace.
func NewMendable(data *DB, mend func(ctx context.Context, damaged *DB) (*DB, error)) *Mendable {
	return &Mendable{data: data, mend: mend}
}

// Do runs work on the database. If that finds damage the database is mended, and
// the work done once more, on what could be saved. So work must bear being done
// twice. It blocks while somebody else has the database mended.
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

// Try runs work on the database as it is. Damage is its error.
func (m *Mendable) Try(work func(*DB) error) error {
	_, err := m.attempt(work)
	return err
}

func (m *Mendable) attempt(work func(*DB) error) (*DB, error) {
	m.using.RLock()
	defer m.using.RUnlock()
	return m.data, work(m.data)
}

// Transact runs one transaction, as DB.Transact does.
func (m *Mendable) Transact(ctx context.Context, write func(*sql.Tx) error) error {
	return m.Do(ctx, func(d *DB) error { return d.Transact(ctx, write) })
}

// replace has a damaged database replaced, while whoever uses it waits. What no
// room was left for is tried again by the next who finds the damage.
func (m *Mendable) replace(ctx context.Context, damaged *DB) error {
	m.using.Lock()
	defer m.using.Unlock()
	if m.data != damaged {
		return nil // somebody else has seen to it
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

// Close gives the database back. Nobody may use it any more.
func (m *Mendable) Close() error { return m.data.Close() }
