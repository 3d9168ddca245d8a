package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
)

// newSuffix is on the name of records that are being made.
const newSuffix = ".new"

// mendRecords puts in the place of damaged records new ones with all that could
// be saved of them. Whoever uses the records waits meanwhile. What is in memory
// is recorded again.
func (s *Store) mendRecords(ctx context.Context, damaged database) error {
	r := &s.records
	r.using.Lock()
	defer r.using.Unlock()
	if r.DB != damaged.DB {
		return nil // somebody else has seen to it
	}
	if r.hopeless != nil {
		return r.hopeless
	}
	saved, aside, err := s.replaceRecords(ctx)
	if err != nil {
		err = mendError(err)
		if !errors.Is(err, shoal.NoSpace) {
			r.hopeless = err
		}
		return err
	}
	s.rerecord()
	s.trouble.tell(Notice{Kind: Rebuilt, Text: saved.sentence(aside)})
	return nil
}

// mendError says that damaged records could not be replaced, and what to do.
func mendError(err error) error {
	hint := "check the disk, and start the node again; if that does not help, move " + recordsFile + " away: small files come back from the other nodes then"
	if errors.Is(err, shoal.NoSpace) {
		hint = "make room on the disk for another copy of " + recordsFile + ", and start the node again"
	}
	return shoal.WithHint(fmt.Errorf("%s: %w, and could not be replaced: %w", recordsFile, errDamaged, err), hint)
}

func (v salvaged) sentence(aside string) string {
	text := fmt.Sprintf("%s was damaged: %d small files were saved", recordsFile, v.small)
	if v.links > 0 {
		text += fmt.Sprintf(", and %d of the files that are linked", v.links)
	}
	if v.lost > 0 {
		text += fmt.Sprintf(", %d could not be", v.lost)
	}
	return text + "; what is missing comes from other nodes that have it, and the damaged one is " + aside + " in the store"
}

// replaceRecords makes new records of what can be read of the damaged ones, and
// opens them. The damaged ones stay where they are until the new ones are whole.
func (s *Store) replaceRecords(ctx context.Context) (salvaged, string, error) {
	path := filepath.Join(s.dir, recordsFile)
	if err := s.roomFor(path); err != nil {
		return salvaged{}, "", err
	}
	if err := removeDatabase(path + newSuffix); err != nil {
		return salvaged{}, "", err
	}
	to, err := openDatabase(ctx, path+newSuffix, recordsSteps())
	if err != nil {
		return salvaged{}, "", err
	}
	saved, err := salvage(ctx, path, s.records.database, to)
	if err := errors.Join(err, to.Close()); err != nil {
		return salvaged{}, "", errors.Join(err, removeDatabase(path+newSuffix))
	}
	if s.records.DB != nil {
		_ = s.records.Close() // it is damaged: what can be read of it was
	}
	aside, err := s.swapDatabase(recordsFile)
	if err != nil {
		return salvaged{}, "", err
	}
	s.records.database, err = openDatabase(ctx, path, recordsSteps())
	return saved, aside, err
}

// roomFor refuses to make another of a database for which there is no room.
func (s *Store) roomFor(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return s.space.room(info.Size())
}

func removeDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// swapDatabase puts a database into quarantine and the new one in its place,
// in one step where the file system can give a file two names: a crash leaves
// one of the two. Nobody may have either open.
func (s *Store) swapDatabase(name string) (aside string, err error) {
	return s.retire(name, func(root *os.Root, aside string) error {
		if root.Link(name, aside) != nil {
			if err := root.Rename(name, aside); err != nil {
				return err
			}
		}
		if err := root.Rename(name+newSuffix, name); err != nil {
			return err
		}
		return syncDir(s.dir, filepath.Join(s.dir, quarantineDir))
	})
}

// syncDir makes the names in folders durable.
func syncDir(paths ...string) error {
	for _, path := range paths {
		dir, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return err
		}
	}
	return nil
}

// rerecord has the next commit record what the records said of the files that
// are in memory, and then count anew what is in the store.
func (s *Store) rerecord() {
	for _, f := range s.files.loaded() {
		if f.unrecord() {
			s.commits.add(f, 0)
		}
		s.giveBack(f)
	}
	s.usage.stale.Store(true)
	if s.commits != nil { // else they are just being opened
		s.commits.poke()
	}
}

// unrecord marks as not recorded what the records say of the file, and reports
// whether that is anything.
func (f *file) unrecord() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return false // its rows go with the next commit in any case
	}
	found := f.small()
	for _, p := range f.places {
		if f.small() || p.linked() != nil {
			p.changes++
			found = true
		}
	}
	if found {
		f.recorded = false
	}
	return found
}
