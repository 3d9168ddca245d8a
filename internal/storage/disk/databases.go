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

// openRecords opens the database of small files and links. One that is damaged
// is put away and an empty one begun: what it had must be added again.
func (s *Store) openRecords(ctx context.Context, isNew bool) (err error) {
	s.records.database, err = s.openEither(ctx, recordsFile, schema{recordsSchema, recordsSums}, trusting)
	if err == nil && s.records.fresh && !isNew {
		s.trouble.tell(Notice{Kind: Rebuilt, Text: "the record of small files and links was lost: add them again"})
	}
	return err
}

// openIndex opens the index, and reports whether it has to be made again.
func (s *Store) openIndex(ctx context.Context, isNew bool) (lost bool, err error) {
	s.index.database, err = s.openEither(ctx, indexFile, schema{indexSchema, indexSums}, checking)
	return err == nil && s.index.fresh && !isNew, err
}

// caution says whether a database is looked through when it is opened. The
// records are as large as all small files together, and what is read of them
// is verified anyway.
type caution uint8

const (
	trusting caution = iota
	checking
)

// openEither opens a database, or an empty one if it is damaged.
func (s *Store) openEither(ctx context.Context, name string, steps schema, how caution) (database, error) {
	path := filepath.Join(s.dir, name)
	d, err := openDatabase(ctx, path, steps)
	if err == nil && how == checking {
		if err = d.check(ctx); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if !errors.Is(err, errDamaged) {
		return d, err
	}
	if err := s.putAway(name); err != nil {
		return d, err
	}
	return openDatabase(ctx, path, steps)
}

// putAway puts a damaged database into quarantine, with what belongs to it.
func (s *Store) putAway(name string) error {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(moveDatabase(root, name), root.Close()); err != nil {
		return err
	}
	s.trouble.tell(Notice{Kind: Quarantined, Text: name + " was damaged, and is now in " + quarantineDir})
	return nil
}

func moveDatabase(root *os.Root, name string) error {
	if err := root.MkdirAll(quarantineDir, 0o700); err != nil {
		return err
	}
	stamp := time.Now().UnixNano()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		to := fmt.Sprintf("%s/%s.%d%s", quarantineDir, name, stamp, suffix)
		if err := root.Rename(name+suffix, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
