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

// createIfMissing makes an empty database at path if there is no file. It
// appears whole or not at all, so an empty file is damage. A log without its
// database is damage too: the transactions in the log were acknowledged.
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

// Create makes an empty database at path and opens it. It first removes a database
// that an interrupted attempt left there. A crash may leave an incomplete database,
// so path is a temporary name: see Replace.
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
