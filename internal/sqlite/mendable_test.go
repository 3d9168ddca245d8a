package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"shoal"
)

// plain is a format with one table.
func plain() Format {
	return Format{Version: 1, Steps: []string{"CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"}, Durability: OnCommit, Shared: true}
}

func opened(t *testing.T, path string, format Format) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, format)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestMendedOnce has many find the same damage at once: it is mended once, and all
// of them have their work done on the new database.
func TestMendedOnce(t *testing.T) {
	dir := t.TempDir()
	damaged, whole := opened(t, filepath.Join(dir, "damaged.db"), plain()), opened(t, filepath.Join(dir, "whole.db"), plain())
	const users = 20
	var together sync.WaitGroup // all use the damaged one before any has it mended
	together.Add(users)
	mended := 0
	m := NewMendable(damaged, func(_ context.Context, d *DB) (*DB, error) {
		if mended++; d != damaged {
			t.Error("mend was not given the damaged database")
		}
		return whole, nil
	})
	var wg sync.WaitGroup
	for range users {
		wg.Go(func() {
			err := m.Do(t.Context(), func(d *DB) error {
				if d == damaged {
					together.Done()
					together.Wait()
					return fmt.Errorf("read: %w", ErrDamaged)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if mended != 1 {
		t.Errorf("mended %d times, want once", mended)
	}
	if err := m.Do(t.Context(), func(*DB) error { return shoal.NotFound }); !errors.Is(err, shoal.NotFound) {
		t.Errorf("error %v, want the work's own", err)
	}
}

// TestMendingIsTriedAgainForRoomAlone fails to mend, once for want of room and then
// for good.
func TestMendingIsTriedAgainForRoomAlone(t *testing.T) {
	broken := errors.New("broken disk")
	results := []error{shoal.NoSpace, broken, nil}
	d := opened(t, filepath.Join(t.TempDir(), "some.db"), plain())
	m := NewMendable(d, func(context.Context, *DB) (*DB, error) {
		err := results[0]
		results = results[1:]
		return nil, err
	})
	damage := func(*DB) error { return ErrDamaged }
	for _, want := range []error{shoal.NoSpace, broken, broken} {
		if err := m.Do(t.Context(), damage); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	if len(results) != 1 {
		t.Errorf("mend was called %d times, want 2", 3-len(results))
	}
	if err := m.Try(damage); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}
