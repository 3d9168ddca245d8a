package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"shoal"
	"shoal/internal/sqlite"
	"shoal/internal/storage"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// Look is a store that is open for examination. It changes nothing in the folder,
// and holds a lock that keeps others from opening the store. It is for one goroutine.
type Look struct {
	dir      string
	root     vfs.FS
	lock     io.Closer
	index    *sqlite.DB // nil if missing or damaged
	records  *sqlite.DB // the same
	problems []string
}

// OpenToLook opens the store in the folder dir and checks its databases, which reads
// all small files. Errors: fs.ErrNotExist if there is no store; layout.ErrInUse if a
// process has it open; shoal.Usage if a newer version wrote it; shoal.Integrity if
// the folder is not a store.
func OpenToLook(ctx context.Context, dir string) (*Look, error) {
	l := &Look{dir: dir}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("look at store %s: %w", dir, err), l.Close())
	}
	return l, nil
}

func (l *Look) open(ctx context.Context) (err error) {
	if l.root, err = (vfs.OS{}).Root(l.dir); err != nil {
		return err
	}
	l.lock, err = vfs.Share(filepath.Join(l.dir, layout.LockFile))
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return layout.InUse(l.root)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := layout.CheckFormat(l.root); err != nil && (!errors.Is(err, fs.ErrNotExist) || l.empty()) {
		return err
	}
	if l.index, err = l.database(ctx, layout.IndexFile, tables.IndexFormat()); err != nil {
		return err
	}
	l.records, err = l.database(ctx, layout.RecordsFile, tables.RecordsFormat())
	return err
}

// empty reports whether making the store was interrupted, so it never held a file.
func (l *Look) empty() bool {
	for _, name := range []string{layout.BlobsDir, layout.IndexFile, layout.RecordsFile} {
		if _, err := l.root.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// database opens one of the databases and checks it. Damage becomes a problem, not an
// error.
func (l *Look) database(ctx context.Context, name string, format sqlite.Format) (*sqlite.DB, error) {
	d, err := sqlite.OpenToRead(ctx, filepath.Join(l.dir, name), format)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.problems = append(l.problems, name+" is gone")
		return nil, nil
	case errors.Is(err, sqlite.ErrDamaged):
		l.problems = append(l.problems, name+" is damaged")
		return nil, nil
	}
	return d, err
}

// Close closes the store and gives up the lock.
func (l *Look) Close() error {
	var errs []error
	for _, d := range []*sqlite.DB{l.index, l.records} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	if l.root != nil {
		errs = append(errs, l.root.Close())
	}
	return errors.Join(errs...)
}

// Problems lists the damage to the databases, a few words each. disk.Open mends it.
func (l *Look) Problems() []string { return l.problems }

// Aside counts the files in quarantine.
func (l *Look) Aside() (int, error) {
	names, err := l.root.List(layout.QuarantineDir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return len(names), err
}

// Usage sums up the sound databases. Free leaves out layout.Reserve.
func (l *Look) Usage(ctx context.Context) (storage.Usage, error) {
	var u storage.Usage
	for _, part := range []struct {
		from  *sqlite.DB
		sum   tables.Sum
		into  *int64
		files bool
	}{
		{l.index, tables.LargeFiles, &u.Stored, true},
		{l.records, tables.SmallFiles, &u.Stored, true},
		{l.records, tables.Links, &u.Linked, false},
	} {
		if part.from == nil {
			continue
		}
		count, stored, err := part.sum.Of(ctx, part.from)
		if err != nil {
			return u, fmt.Errorf("usage of the store: %w", err)
		}
		if *part.into += stored; part.files {
			u.Files += count
		}
	}
	free, err := l.root.Free()
	u.Free = max(0, free-layout.Reserve)
	return u, err
}

// Bare counts the large files with recorded chunks whose bytes are gone.
func (l *Look) Bare(ctx context.Context) (files int, err error) {
	if l.index == nil {
		return 0, nil
	}
	rows := &tables.Pager{Read: func(ctx context.Context, after []byte, limit int) ([]tables.Row, error) {
		return tables.IndexPage(ctx, l.index, after, limit)
	}}
	for {
		r, err := rows.Peek(ctx)
		if r == nil || err != nil {
			return files, err
		}
		if row := rows.Take(); row.Present > 0 && !l.there(row.ID) {
			files++
		}
	}
}

// there reports whether a large file has its bytes and its hash list.
func (l *Look) there(id shoal.FileID) bool {
	_, err := l.root.Stat(layout.DataName(id))
	_, listErr := l.root.Stat(layout.ListName(id))
	return err == nil && listErr == nil
}

// Own counts the recorded chunks of a file in the store itself; none if its bytes are
// gone. ok is false if a database is missing or damaged, so the count is unknown.
func (l *Look) Own(ctx context.Context, id shoal.FileID) (chunks int, ok bool, err error) {
	if l.index == nil || l.records == nil {
		return 0, false, nil
	}
	chunks, err = tables.IndexPresent(ctx, l.index, id)
	if err == nil && chunks > 0 && !l.there(id) {
		return 0, true, nil
	}
	if errors.Is(err, shoal.NotFound) {
		chunks, err = tables.SmallPresent(ctx, l.records, id)
	}
	if errors.Is(err, shoal.NotFound) {
		return 0, true, nil
	}
	return chunks, true, err
}
