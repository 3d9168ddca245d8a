package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// recordsSteps and indexSteps are how the databases came to be what they are.
func recordsSteps() schema { return schema{recordsSchema, recordsSums} }
func indexSteps() schema   { return schema{indexSchema, indexSums} }

// openRecords opens the database of small files and links. One that cannot even
// be opened is put away and an empty one begun; damage within is found when it
// is read, and mended then.
func (s *Store) openRecords(ctx context.Context, isNew bool) (err error) {
	s.records.mend = s.mendRecords
	var aside string
	s.records.database, aside, err = s.openEither(ctx, recordsFile, recordsSteps(), trusting)
	if err != nil || !s.records.fresh || isNew {
		return err
	}
	text := recordsFile + " is gone"
	if aside != "" {
		text = recordsFile + " was damaged beyond saving, and is now " + aside + " in the store"
	}
	s.trouble.tell(Notice{Kind: Rebuilt, Text: text + ": small files come from other nodes that have them; what they have not, and what was linked, is to be added again"})
	return nil
}

// openIndex opens the index, and reports whether it has to be made again.
func (s *Store) openIndex(ctx context.Context, isNew bool) (lost bool, err error) {
	var aside string
	s.index.database, aside, err = s.openEither(ctx, indexFile, indexSteps(), checking)
	if aside != "" {
		s.trouble.tell(Notice{Kind: Rebuilt, Text: indexFile + " was damaged, and is made anew from what lies in the store; the damaged one is " + aside + " in it"})
	}
	return err == nil && s.index.fresh && !isNew, err
}

// caution says whether a database is looked through when it is opened. The
// records are as large as all small files together: what is read of them is
// verified anyway, and damage found then.
type caution uint8

const (
	trusting caution = iota
	checking
)

// openEither opens a database, or an empty one if it is damaged, and tells where
// the damaged one is then.
func (s *Store) openEither(ctx context.Context, name string, steps schema, how caution) (d database, aside string, err error) {
	path := filepath.Join(s.dir, name)
	d, err = openDatabase(ctx, path, steps)
	if err == nil && how == checking {
		if err = d.check(ctx); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if !errors.Is(err, errDamaged) {
		return d, "", err
	}
	if aside, err = s.putAway(name); err != nil {
		return d, "", err
	}
	d, err = openDatabase(ctx, path, steps)
	return d, aside, err
}

// putAway puts a damaged database into quarantine, with what belongs to it.
func (s *Store) putAway(name string) (aside string, err error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(quarantineDir, 0o700); err != nil {
		return "", err
	}
	aside = fmt.Sprintf("%s/%s.%d", quarantineDir, name, time.Now().UnixNano())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := root.Rename(name+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside, nil
}
