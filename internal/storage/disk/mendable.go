package disk

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"shoal"
)

// mendable is a database that is replaced while it is in use when it turns out to
// be damaged.
type mendable struct {
	// using guards database: it is held for reading over each use of it, and for
	// writing while another is put in its place.
	using sync.RWMutex
	database

	mend     func(context.Context, database) error // replaces a damaged one, unless that is done
	hopeless error                                 // why that cannot be done; guarded by using
}

// do runs work on the database. If that finds damage the database is mended, and
// the work done once more, on what could be saved.
func (m *mendable) do(ctx context.Context, work func(database) error) error {
	used, err := m.attempt(work)
	if !errors.Is(err, errDamaged) {
		return err
	}
	if err := m.mend(context.WithoutCancel(ctx), used); err != nil {
		return err
	}
	_, err = m.attempt(work)
	return err
}

func (m *mendable) attempt(work func(database) error) (database, error) {
	m.using.RLock()
	defer m.using.RUnlock()
	return m.database, work(m.database)
}

// record runs one transaction, durable on return.
func (m *mendable) record(ctx context.Context, run func(*sql.Tx) error) error {
	return m.do(ctx, func(d database) error { return d.write(ctx, run) })
}

// readSum runs one of the queries that sum up a table.
func (m *mendable) readSum(ctx context.Context, query string) (count int, stored int64, err error) {
	err = m.do(ctx, func(d database) (err error) {
		count, stored, err = readSum(ctx, d, query)
		return err
	})
	return count, stored, err
}

// readPage runs one of the queries that page through a table.
func (m *mendable) readPage(ctx context.Context, query string, after []byte, limit int) (page []row, err error) {
	err = m.do(ctx, func(d database) (err error) {
		page, err = readPage(ctx, d, query, after, limit)
		return err
	})
	return page, err
}

// replace has a damaged database replaced, while whoever uses it waits. What no
// room was left for is tried again by the next who finds the damage.
func (m *mendable) replace(damaged database, run func() error) error {
	m.using.Lock()
	defer m.using.Unlock()
	if m.DB != damaged.DB {
		return nil // somebody else has seen to it
	}
	if m.hopeless != nil {
		return m.hopeless
	}
	err := run()
	if err != nil && !errors.Is(err, shoal.NoSpace) {
		m.hopeless = err
	}
	return err
}
