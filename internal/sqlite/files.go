package sqlite

import (
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
		if err := renameIfThere(path+suffix, to+suffix); err != nil {
			return err
		}
	}
	return nil
}

// Replace renames the database at path to aside, and the database at by to path,
// durably. On a file system with hard links a crash leaves one of the two at path.
// Neither may be open.
func Replace(path, by, aside string) error {
	for _, suffix := range []string{logSuffix, indexSuffix} { // first: SQLite would play this log into the new database
		if err := renameIfThere(path+suffix, aside+suffix); err != nil {
			return err
		}
	}
	if os.Link(path, aside) != nil {
		if err := renameIfThere(path, aside); err != nil {
			return err
		}
	}
	if err := os.Rename(by, path); err != nil {
		return err
	}
	return errors.Join(syncFolder(filepath.Dir(path)), syncFolder(filepath.Dir(aside)))
}

func renameIfThere(from, to string) error {
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
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
