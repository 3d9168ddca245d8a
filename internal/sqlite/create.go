package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// createIfMissing makes an empty database at path, if there is nothing. It
// appears whole or not at all, so that an empty file is known to be damage. So
// is a log without its database: what is in it was acknowledged.
func createIfMissing(ctx context.Context, path string, format Format) (made bool, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if info, err := os.Lstat(path + logSuffix); err == nil && info.Size() > 0 {
		return false, newDB(path, format).Explain(fmt.Errorf("%w: its log is there, but the database itself is gone", ErrDamaged))
	}
	durable := format
	durable.Durability = OnCommit
	d, err := Create(ctx, path+newSuffix, durable)
	if err != nil {
		return false, err
	}
	if err := d.Close(); err != nil {
		return false, err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return false, err
	}
	return true, syncFolder(filepath.Dir(path))
}

// Create makes an empty database at path, in place of what an interrupted attempt
// left there, and opens it. A crash may leave it half made, so it is for a name
// that nobody opens: see Replace.
func Create(ctx context.Context, path string, format Format) (*DB, error) {
	if err := Remove(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, ownerOnly)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	d := newDB(path, format)
	if err := d.openPools(); err != nil {
		return nil, err
	}
	err = d.Transact(ctx, func(tx *sql.Tx) error {
		if err := format.bring(ctx, tx, 0); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", format.Application))
		return err
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}
