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
		return false, (&DB{format: format}).Explain(fmt.Errorf("%w: its log is there, but the database itself is gone", ErrDamaged))
	}
	if err := create(ctx, path+newSuffix, format); err != nil {
		return false, err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return false, err
	}
	return true, syncFolder(filepath.Dir(path))
}

// create makes an empty database at path, in place of what an interrupted
// attempt left there.
func create(ctx context.Context, path string, format Format) error {
	if err := Remove(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, ownerOnly)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	set := format.writing()
	set["synchronous"] = string(OnCommit)
	pool, err := openPool(path, set)
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	d := &DB{Writer: pool, Readers: pool, path: path, format: format}
	err = d.Transact(ctx, func(tx *sql.Tx) error {
		if err := format.bring(ctx, tx, 0); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", format.Application))
		return err
	})
	return errors.Join(err, pool.Close())
}
