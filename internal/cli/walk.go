package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"unicode/utf8"

	"shoal"
)

// walker finds the files that the arguments of add mean.
type walker struct {
	own    string // the data folder, without links in it, which is never added to itself
	name   string // what to call what is at a path; empty for the last element of that
	notice func(format string, args ...any)
}

// files gives the files at and below the paths, in the order of a listing, until
// ctx ends. A
// file's name begins with the last element of its path, so that a folder keeps
// its own name. What cannot be read comes as an error beside an item that has
// the path, and the walk goes on.
func (w walker) files(ctx context.Context, paths []string) iter.Seq2[shoal.AddItem, error] {
	return func(yield func(shoal.AddItem, error) bool) {
		for _, path := range paths {
			if err := w.below(ctx, path, yield); err != nil {
				return
			}
		}
	}
}

// errStop ends a walk that nobody wants to go on.
var errStop = errors.New("the walk was stopped")

// below walks one path. Its error is not nil if the whole walk is to stop.
func (w walker) below(ctx context.Context, path string, yield func(shoal.AddItem, error) bool) error {
	root, name, err := w.start(path)
	if err != nil {
		return stopUnless(yield(shoal.AddItem{Path: path, Name: path}, err))
	}
	return filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return errStop
		case !utf8.ValidString(at):
			return cmp.Or(stopUnless(yield(shoal.AddItem{Path: at, Name: at}, errNotUTF8)), skip(entry))
		case err != nil:
			return stopUnless(yield(shoal.AddItem{Path: at, Name: at}, err))
		case at == root && w.refused(at, entry) != nil:
			return cmp.Or(stopUnless(yield(shoal.AddItem{Path: path, Name: path}, w.refused(at, entry))), skip(entry))
		case entry.IsDir() && at == w.own:
			w.notice("skipped %s: it is the node's own data folder", at)
			return fs.SkipDir
		case entry.IsDir() && isDataFolder(at):
			w.notice("skipped %s: it is a node's data folder, with its key", at)
			return fs.SkipDir
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			w.notice("skipped %s: it is a %s", at, kindOf(entry.Type()))
			return nil
		}
		below, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		item := shoal.AddItem{Path: at, Name: filepath.ToSlash(filepath.Join(name, below))}
		return stopUnless(yield(item, nil))
	})
}

// errNotUTF8 is what is wrong with a path in bytes that no other machine need
// read as text.
var errNotUTF8 = shoal.WithHint(fmt.Errorf("its path is not UTF-8: %w", shoal.Usage), "rename it; names mean the same on all machines")

// skip leaves out what is below a folder that is left out.
func skip(entry fs.DirEntry) error {
	if entry != nil && entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// refused is why a path that a person named is not added, while below another it
// would be passed over.
func (w walker) refused(at string, entry fs.DirEntry) error {
	inside, err := filepath.Rel(w.own, at)
	switch {
	case w.own != "" && err == nil && filepath.IsLocal(inside), entry.IsDir() && isDataFolder(at):
		return fmt.Errorf("it is a node's own, with its key: %w", shoal.Usage)
	case !entry.IsDir() && !entry.Type().IsRegular():
		return fmt.Errorf("it is a %s, and only files and folders are added: %w", kindOf(entry.Type()), shoal.Usage)
	}
	return nil
}

// isDataFolder reports whether a folder is some node's: to give its key away would
// be to give the node away.
func isDataFolder(path string) bool {
	for _, name := range []string{"identity.pem", "shoal.json"} {
		if _, err := os.Lstat(filepath.Join(path, name)); err != nil {
			return false
		}
	}
	return true
}

// start is where a walk begins, and what that is called. A path that a person
// typed may be a link to a file or folder: it is followed, and keeps its name.
func (w walker) start(path string) (root, name string, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", "", err
	}
	root, err = filepath.EvalSymlinks(absolute)
	if err != nil {
		return "", "", err
	}
	if w.name != "" {
		return root, w.name, nil
	}
	name = filepath.Base(absolute)
	if name == string(filepath.Separator) {
		name = "" // of the root folder, all that is below has a name already
	}
	return root, name, nil
}

// unlinked is a path as a walk comes upon it, which follows what it begins with: without
// symbolic links. One that is not there stays as it is.
func unlinked(path string) string {
	if there, err := filepath.EvalSymlinks(path); err == nil {
		return there
	}
	return path
}

func stopUnless(wanted bool) error {
	if wanted {
		return nil
	}
	return errStop
}

// kindOf is what a file is that is no regular one.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return fmt.Sprintf("special file (%s)", mode)
}
