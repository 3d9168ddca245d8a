package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/storage"
	"shoal/internal/storage/vfs"
)

// Look is a store that is open to be looked at: nothing in its folder is made,
// changed or put away, and nobody opens it meanwhile.
type Look struct {
	store    *Store // of which there is a folder and nothing more
	lock     io.Closer
	index    database // without a DB if it is gone or damaged
	records  database // as above
	problems []string
}

// OpenToLook opens the store in the folder dir, and looks the databases through,
// which takes as long as reading all small files. Errors: fs.ErrNotExist if
// there is no store, ErrInUse if somebody has it open, shoal.Usage if it was
// written by a newer version, shoal.Integrity if it is no store.
func OpenToLook(ctx context.Context, dir string) (*Look, error) {
	l := &Look{store: &Store{dir: dir}}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("look at store %s: %w", dir, err), l.Close())
	}
	return l, nil
}

func (l *Look) open(ctx context.Context) (err error) {
	if l.store.root, err = (vfs.OS{}).Root(l.store.dir); err != nil {
		return err
	}
	l.lock, err = vfs.Share(filepath.Join(l.store.dir, lockFile))
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return l.store.lockedError()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := l.store.checkFormat(); err != nil && (!errors.Is(err, fs.ErrNotExist) || l.empty()) {
		return err
	}
	if l.index, err = l.database(ctx, indexFile, len(indexSteps())); err != nil {
		return err
	}
	l.records, err = l.database(ctx, recordsFile, len(recordsSteps()))
	return err
}

// empty reports whether nothing was ever in a store, for making it was broken off.
func (l *Look) empty() bool {
	for _, name := range []string{blobsDir, indexFile, recordsFile} {
		if _, err := l.store.root.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// database opens one of the databases and looks it through. What is wrong with it
// is a problem, and no error.
func (l *Look) database(ctx context.Context, name string, version int) (database, error) {
	path := filepath.Join(l.store.dir, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		l.problems = append(l.problems, name+" is gone")
		return database{}, nil
	}
	d, err := openToRead(path)
	if err != nil {
		return d, err
	}
	found, err := d.lookThrough(ctx)
	if err == nil && found > version {
		err = tooNew(found, version)
	}
	if err == nil && found > 0 {
		return d, nil
	}
	err = errors.Join(err, d.Close())
	if err == nil || errors.Is(err, errDamaged) {
		l.problems = append(l.problems, name+" is damaged")
		return database{}, nil
	}
	return database{}, fmt.Errorf("open %s: %w", path, err)
}

// openToRead opens a database that nobody else has open, without a change to it
// or beside it; only for one with a log, which a crash leaves, SQLite needs its
// own index of that.
func openToRead(path string) (database, error) {
	query := url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("cache_size(-%d)", cacheKiB)}}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		query.Set("immutable", "1")
	}
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	pool, err := sql.Open("sqlite", source.String())
	return database{DB: pool, statements: newStatements()}, err
}

// lookThrough checks the whole of a database, and gives its version.
func (d database) lookThrough(ctx context.Context) (version int, err error) {
	if err := d.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, sqlError(err)
	}
	return version, d.check(ctx)
}

// Close gives the store back.
func (l *Look) Close() error {
	var errs []error
	for _, d := range []database{l.index, l.records} {
		if d.DB != nil {
			errs = append(errs, d.Close())
		}
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	if l.store.root != nil {
		errs = append(errs, l.store.root.Close())
	}
	return errors.Join(errs...)
}

// Problems is what is wrong with the databases, a few words each: Open mends it.
func (l *Look) Problems() []string { return l.problems }

// Aside is how many things lie in quarantine.
func (l *Look) Aside() (int, error) {
	names, err := l.store.root.List(quarantineDir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return len(names), err
}

// Usage sums up what the databases say that is sound. Free leaves out the Reserve.
func (l *Look) Usage(ctx context.Context) (storage.Usage, error) {
	var u storage.Usage
	for _, part := range []struct {
		from  database
		query string
		into  *int64
		files bool
	}{
		{l.index, sumFiles, &u.Stored, true},
		{l.records, sumSmall, &u.Stored, true},
		{l.records, sumLinks, &u.Linked, false},
	} {
		if part.from.DB == nil {
			continue
		}
		count, stored, err := readSum(ctx, part.from, part.query)
		if err != nil {
			return u, fmt.Errorf("usage of the store: %w", err)
		}
		if *part.into += stored; part.files {
			u.Files += count
		}
	}
	free, err := l.store.root.Free()
	u.Free = max(0, free-Reserve)
	return u, err
}

// Bare is how many large files are said to be here whose bytes are gone.
func (l *Look) Bare(ctx context.Context) (files int, err error) {
	if l.index.DB == nil {
		return 0, nil
	}
	rows := &pager{read: func(ctx context.Context, after []byte, limit int) ([]row, error) {
		return readPage(ctx, l.index, pageFiles, after, limit)
	}}
	for {
		r, err := rows.peek(ctx)
		if r == nil || err != nil {
			return files, err
		}
		if row := rows.take(); row.present > 0 && !l.there(row.id) {
			files++
		}
	}
}

// there reports whether a large file has its bytes and its hash list.
func (l *Look) there(id shoal.FileID) bool {
	_, err := l.store.root.Stat(dataName(id))
	_, listErr := l.store.root.Stat(listName(id))
	return err == nil && listErr == nil
}

// Own is how many chunks of a file are said to be in the store itself and are not
// seen to be gone. ok is false if a database is gone or damaged, and it cannot be
// told.
func (l *Look) Own(ctx context.Context, id shoal.FileID) (chunks int, ok bool, err error) {
	if l.index.DB == nil || l.records.DB == nil {
		return 0, false, nil
	}
	err = l.index.row(ctx, "SELECT present FROM files WHERE id = ?", []any{id[:]}, &chunks)
	if err == nil && chunks > 0 && !l.there(id) {
		return 0, true, nil
	}
	if errors.Is(err, shoal.NotFound) {
		err = l.records.row(ctx, "SELECT present FROM small WHERE id = ?", []any{id[:]}, &chunks)
	}
	if errors.Is(err, shoal.NotFound) {
		return 0, true, nil
	}
	return chunks, true, err
}
