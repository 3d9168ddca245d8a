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
// be opened is replaced; damage within is found when it is read, and mended then,
// for to look it through would take as long as to read all small files.
func (s *Store) openRecords(ctx context.Context, isNew bool) error {
	s.records.mend = s.mendRecords
	d, err := openDatabase(ctx, filepath.Join(s.dir, recordsFile), recordsSteps())
	if errors.Is(err, errDamaged) {
		return s.mendRecords(ctx, database{})
	}
	s.records.database = d
	if err == nil && d.fresh && !isNew {
		s.trouble.tell(Notice{Kind: Rebuilt, Text: recordsFile + " was gone: small files come from other nodes that have them; what they have not, and what was linked, is to be added again"})
	}
	return err
}

// openIndex opens the index, and reports whether it has to be made again. One that
// is damaged anywhere is put away; damage that comes later is mended when it is met.
func (s *Store) openIndex(ctx context.Context, isNew bool) (lost bool, err error) {
	s.index.mend = s.mendIndex
	path := filepath.Join(s.dir, indexFile)
	d, err := openDatabase(ctx, path, indexSteps())
	if err == nil {
		if err = d.check(ctx); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if errors.Is(err, errDamaged) {
		aside, failure := s.putAway(indexFile)
		if failure != nil {
			return false, failure
		}
		s.trouble.tell(Notice{Kind: Rebuilt, Text: indexFile + " was damaged, and is made anew from what lies in the store; the damaged one is " + aside + " in it"})
		d, err = openDatabase(ctx, path, indexSteps())
	}
	s.index.database = d
	return err == nil && d.fresh && !isNew, err
}

// putAway puts a damaged database into quarantine, with what belongs to it.
func (s *Store) putAway(name string) (aside string, err error) {
	return s.retire(name, func(root *os.Root, aside string) error { return moveIfThere(root, name, aside) })
}

// retire puts a damaged database into quarantine: first its log, or the next one of that
// name would be taken for what that belongs to, and then the database as put does.
func (s *Store) retire(name string, put func(root *os.Root, aside string) error) (aside string, err error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(quarantineDir, 0o700); err != nil {
		return "", err
	}
	aside = fmt.Sprintf("%s/%s.%d", quarantineDir, name, time.Now().UnixNano())
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := moveIfThere(root, name+suffix, aside+suffix); err != nil {
			return "", err
		}
	}
	return aside, put(root, aside)
}

func moveIfThere(root *os.Root, from, to string) error {
	if err := root.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
