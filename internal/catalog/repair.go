package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"shoal"
)

// Check looks at everything: the database's own structure, that its indexes
// agree with its rows, and that each row could have been put. Damage is
// ErrDamaged. It reads the whole file.
func (c *Catalog) Check(ctx context.Context) error {
	if err := c.data.check(ctx, "PRAGMA integrity_check(1)"); err != nil {
		return fmt.Errorf("check catalogue: %w", err)
	}
	rows, err := c.data.readers.QueryContext(ctx, "SELECT seq, name, id, size, chunk, added FROM entries")
	if err != nil {
		return fmt.Errorf("check catalogue: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		if _, _, err := scanEntry(rows); err != nil {
			return fmt.Errorf("check catalogue: %w", explain(err))
		}
	}
	return explain(rows.Err())
}

// Repaired is what Repair did.
type Repaired struct {
	Aside string // where the damaged database was copied to
	Saved int    // entries that could still be read
}

// Repair makes a sound catalogue of a damaged one: it copies what is there
// aside, and then puts in its place a new one with every entry that can still
// be read, from either end up to the damage. The catalogue must not be open. At
// any moment of it a crash leaves the damaged catalogue or the new one, and
// Repair can be run again. One of a newer version is left alone: shoal.Usage.
func Repair(ctx context.Context, file string) (Repaired, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return Repaired{}, fmt.Errorf("repair catalogue: %w", err)
	}
	if err := refuseNewer(ctx, file); err != nil {
		return Repaired{}, fmt.Errorf("repair catalogue %s: %w", file, err)
	}
	var done Repaired
	if done.Aside, err = copyAside(file); err != nil {
		return Repaired{}, fmt.Errorf("keep the damaged catalogue: %w", err)
	}
	if done.Saved, err = salvage(ctx, file); err != nil {
		return done, fmt.Errorf("repair catalogue %s: %w", file, err)
	}
	// A log that is left would be played into the new database.
	for _, suffix := range []string{logSuffix, indexSuffix} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return done, fmt.Errorf("repair catalogue: %w", err)
		}
	}
	if err := install(file); err != nil {
		return done, fmt.Errorf("repair catalogue: %w", err)
	}
	return done, nil
}

// refuseNewer is an error for a catalogue that this program does not understand,
// which is no damage.
func refuseNewer(ctx context.Context, file string) error {
	data, err := openDatabase(ctx, file)
	if err == nil {
		return data.close()
	}
	if errors.Is(err, shoal.Usage) {
		return err
	}
	return nil
}

// copyAside copies a database and its log to names that are free.
func copyAside(file string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", file, n)
		err := errors.Join(copyFile(file, aside), copyFile(file+logSuffix, aside+logSuffix))
		if !errors.Is(err, fs.ErrExist) {
			return aside, err
		}
	}
}

// copyFile copies a file, if it is there, durably.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// salvage makes the new database beside the damaged one.
func salvage(ctx context.Context, file string) (saved int, err error) {
	if err := create(ctx, file+newSuffix); err != nil {
		return 0, err
	}
	fresh, err := openDatabase(ctx, file+newSuffix)
	if err != nil {
		return 0, err
	}
	damaged, err := openPool(file, "query_only(1)")
	if err != nil {
		return 0, errors.Join(err, fresh.close())
	}
	err = fresh.transact([]func(*sql.Tx) error{func(tx *sql.Tx) error {
		if err := copyReadable(ctx, damaged, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM entries").Scan(&saved)
	}})
	return saved, errors.Join(err, damaged.Close(), fresh.close())
}

// copyReadable copies rows with their order, from the first on and from the
// last back. Where reading fails, that direction ends.
func copyReadable(ctx context.Context, from *sql.DB, to *sql.Tx) error {
	const insert = `INSERT OR IGNORE INTO entries (seq, name, base, id, size, chunk, added) VALUES (?, ?, ?, ?, ?, ?, ?)`
	put, err := to.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	defer func() { _ = put.Close() }()
	for _, order := range []string{"ASC", "DESC"} {
		rows, err := from.QueryContext(ctx, "SELECT seq, name, id, size, chunk, added FROM entries NOT INDEXED ORDER BY seq "+order)
		if err != nil {
			continue
		}
		if err := copyRows(rows, put); err != nil {
			return errors.Join(err, rows.Close())
		}
		if errors.Join(rows.Err(), rows.Close()) == nil {
			break // all was read
		}
	}
	return ctx.Err()
}

// copyRows copies the rows that can be read and could have been put.
func copyRows(rows *sql.Rows, put *sql.Stmt) error {
	for rows.Next() {
		seq, e, err := scanEntry(rows)
		if err != nil {
			continue
		}
		if _, err := put.Exec(seq, e.Name, path.Base(e.Name), e.ID[:], e.Size, e.ChunkSize, e.Added.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}
