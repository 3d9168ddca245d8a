package recovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// newSuffix is on the name of a database that is being made.
const newSuffix = ".new"

// Mender opens the databases of a store, and replaces damaged ones, at once or
// later in use.
type Mender struct {
	Dir  string // the store's folder; SQLite opens the databases by path
	Root vfs.FS // the same folder

	// Room refuses, with shoal.NoSpace, bytes that would leave the disk too full.
	Room func(bytes int64) error

	// Rerecord is called after a database was replaced and before its first use. It
	// schedules all files in memory to be recorded again, and must not block.
	Rerecord func()

	// Tell is called with a sentence for a person about each database made anew.
	Tell func(text string)
}

// OpenRecords opens the database of small files and links. It replaces a database
// that does not open. A query that finds other damage later mends it.
func (m *Mender) OpenRecords(ctx context.Context, isNew bool) (tables.Records, error) {
	d, err := sqlite.Open(ctx, m.path(layout.RecordsFile), tables.RecordsFormat())
	if errors.Is(err, sqlite.ErrDamaged) {
		d, err = m.mendRecords(ctx, nil)
	}
	if err != nil {
		return tables.Records{}, err
	}
	if d.Made && !isNew {
		m.Tell(layout.RecordsFile + " was gone: small files come from other nodes that have them; what they have not, and what was linked, is to be added again")
	}
	return tables.Records{Mendable: sqlite.NewMendable(d, m.mendRecords)}, nil
}

// OpenIndex opens the index, and reports whether the caller must rebuild it. It puts
// a damaged index into quarantine. A query that finds damage later mends it.
func (m *Mender) OpenIndex(ctx context.Context, isNew bool) (x tables.Index, lost bool, err error) {
	path := m.path(layout.IndexFile)
	d, err := sqlite.Open(ctx, path, tables.IndexFormat())
	if errors.Is(err, sqlite.ErrDamaged) {
		aside, failure := m.putAway(layout.IndexFile)
		if failure != nil {
			return x, false, failure
		}
		m.Tell(layout.IndexFile + " was damaged, and is made anew from what lies in the store; the damaged one is " + aside + " in it")
		d, err = sqlite.Open(ctx, path, tables.IndexFormat())
	}
	if err != nil {
		return x, false, err
	}
	return tables.Index{Mendable: sqlite.NewMendable(d, m.mendIndex)}, d.Made && !isNew, nil
}

func (m *Mender) path(name string) string { return filepath.Join(m.Dir, filepath.FromSlash(name)) }

// putAway puts a damaged database into quarantine.
func (m *Mender) putAway(name string) (aside string, err error) {
	if aside, err = m.aside(name); err != nil {
		return "", err
	}
	return aside, sqlite.Move(m.path(name), m.path(aside))
}

// aside returns an unused path in the quarantine, and makes that folder. Databases
// are files of the operating system, even if Root is not.
func (m *Mender) aside(name string) (string, error) {
	return layout.Aside(name), os.MkdirAll(m.path(layout.QuarantineDir), 0o700)
}

// mendRecords replaces damaged records by new ones with all readable rows. Files in
// memory are recorded again.
func (m *Mender) mendRecords(ctx context.Context, damaged *sqlite.DB) (*sqlite.DB, error) {
	var saved salvaged
	d, aside, err := m.replace(ctx, damaged, layout.RecordsFile, tables.RecordsFormat(), func(to *sqlite.DB) (err error) {
		saved, err = salvage(ctx, m.path(layout.RecordsFile), damaged, to)
		return err
	})
	if err != nil {
		return nil, mendError(layout.RecordsFile, err, "check the disk, and start the node again; if that does not help, move "+layout.RecordsFile+" away: small files come back from the other nodes then")
	}
	m.Rerecord()
	m.Tell(saved.sentence(aside))
	return d, nil
}

// mendIndex replaces a damaged index by a new one, made from the hash lists among
// the blobs. Files in memory are recorded again.
func (m *Mender) mendIndex(ctx context.Context, damaged *sqlite.DB) (*sqlite.DB, error) {
	var made reindexed
	d, aside, err := m.replace(ctx, damaged, layout.IndexFile, tables.IndexFormat(), func(to *sqlite.DB) (err error) {
		made, err = reindex(ctx, m.Root, damaged, to)
		return err
	})
	if err != nil {
		return nil, mendError(layout.IndexFile, err, "check the disk, and start the node again: "+layout.IndexFile+" is made anew then from what lies in the store")
	}
	m.Rerecord()
	m.Tell(made.sentence(aside))
	return d, nil
}

// mendError says that a damaged database could not be replaced, with a hint.
func mendError(name string, err error, hint string) error {
	if errors.Is(err, shoal.NoSpace) {
		hint = "make room on the disk for another copy of " + name + ", and start the node again"
	}
	return shoal.WithHint(fmt.Errorf("%s: %w, and could not be replaced: %w", name, sqlite.ErrDamaged, err), hint)
}

func (v salvaged) sentence(aside string) string {
	text := fmt.Sprintf("%s was damaged: %d small files were saved", layout.RecordsFile, v.small)
	if v.links > 0 {
		text += fmt.Sprintf(", and %d of the files that are linked", v.links)
	}
	if v.lost > 0 {
		text += fmt.Sprintf(", %d could not be", v.lost)
	}
	return text + "; what is missing comes from other nodes that have it, and the damaged one is " + aside + " in the store"
}

// replace makes a new database, fills it, puts it in place and opens it. The damaged
// database stays in place until the new one is complete.
func (m *Mender) replace(ctx context.Context, damaged *sqlite.DB, name string, format sqlite.Format, fill func(to *sqlite.DB) error) (d *sqlite.DB, aside string, err error) {
	path := m.path(name)
	if err := m.roomFor(path); err != nil {
		return nil, "", err
	}
	to, err := sqlite.Create(ctx, path+newSuffix, format)
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(fill(to), to.Close()); err != nil {
		return nil, "", errors.Join(err, sqlite.Remove(path+newSuffix))
	}
	if damaged != nil {
		_ = damaged.Close() // an error says nothing new: it is damaged
	}
	if aside, err = m.aside(name); err != nil {
		return nil, "", err
	}
	if err := sqlite.Replace(path, path+newSuffix, m.path(aside)); err != nil {
		return nil, "", err
	}
	d, err = sqlite.Open(ctx, path, format)
	return d, aside, err
}

// roomFor refuses to make another of a database for which there is no room.
func (m *Mender) roomFor(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the file was deleted
	}
	if err != nil {
		return err
	}
	return m.Room(info.Size())
}
