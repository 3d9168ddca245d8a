package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The files beside a database.
const (
	logSuffix   = "-wal"
	indexSuffix = "-shm"
	newSuffix   = ".new"
)

// createIfMissing makes an empty database at path, if there is nothing. It
// appears whole or not at all, so that an empty file is known to be damage. So
// is a log without its database: what is in it was acknowledged.
func createIfMissing(ctx context.Context, path string, format Format) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, err := os.Lstat(path + logSuffix); err == nil && info.Size() > 0 {
		return (&DB{format: format}).Explain(fmt.Errorf("%w: its log is there, but the database itself is gone", ErrDamaged))
	}
	if err := create(ctx, path+newSuffix, format); err != nil {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// create makes an empty database at path, in place of what an interrupted
// attempt left there.
func create(ctx context.Context, path string, format Format) error {
	if err := Remove(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	pool, err := openPool(path, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	_, err = pool.ExecContext(ctx, fmt.Sprintf("BEGIN; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		format.Schema, format.Application, format.Version))
	return errors.Join((&DB{format: format}).Explain(err), pool.Close())
}

// Remove removes the database at path, if there is one, and its log. It must
// not be open.
func Remove(path string) error {
	for _, name := range []string{path, path + logSuffix, path + indexSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// asideInfix stands between the name a damaged database had and its number.
const asideInfix = ".damaged-"

// Aside is the damaged databases that were set aside and are still there.
func Aside(path string) ([]string, error) {
	folder, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range folder {
		number, is := strings.CutPrefix(entry.Name(), filepath.Base(path)+asideInfix)
		if _, err := strconv.Atoi(number); is && err == nil {
			found = append(found, filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
	return found, nil
}

// Move gives the database at path, and its log, another name, whose file is
// replaced. It must not be open.
func Move(path, to string) error {
	for _, suffix := range []string{logSuffix, indexSuffix, ""} { // the database last: until then this can be done again
		if err := os.Rename(path+suffix, to+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// SetAside gives a damaged database and its log names that are free, and returns
// the database's new one. It must not be open.
func SetAside(path string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s%s%d", path, asideInfix, n)
		if _, err := os.Lstat(aside); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return aside, Move(path, aside)
	}
}
