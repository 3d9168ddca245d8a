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

// newSuffix is on the name of a database that is being made.
const newSuffix = ".new"

// mendRecords puts in the place of damaged records new ones with all that could
// be saved of them. What is in memory is recorded again.
func (s *Store) mendRecords(ctx context.Context, damaged database) error {
	return s.records.replace(damaged, func() error {
		var saved salvaged
		aside, err := s.replaceDatabase(ctx, &s.records.mendable, recordsFile, recordsSteps(), func(to database) (err error) {
			saved, err = salvage(ctx, filepath.Join(s.dir, recordsFile), s.records.database, to)
			return err
		})
		if err != nil {
			return mendError(recordsFile, err, "check the disk, and start the node again; if that does not help, move "+recordsFile+" away: small files come back from the other nodes then")
		}
		s.rerecord()
		s.trouble.tell(Notice{Kind: Rebuilt, Text: saved.sentence(aside)})
		return nil
	})
}

// mendError says that a damaged database could not be replaced, and what to do.
func mendError(name string, err error, hint string) error {
	if errors.Is(err, shoal.NoSpace) {
		hint = "make room on the disk for another copy of " + name + ", and start the node again"
	}
	return shoal.WithHint(fmt.Errorf("%s: %w, and could not be replaced: %w", name, errDamaged, err), hint)
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

// replaceDatabase makes a new database, has it filled, and opens it. The damaged
// one stays where it is until the new one is whole.
func (s *Store) replaceDatabase(ctx context.Context, m *mendable, name string, steps schema, fill func(to database) error) (aside string, err error) {
	path := filepath.Join(s.dir, name)
	if err := s.roomFor(path); err != nil {
		return "", err
	}
	if err := removeDatabase(path + newSuffix); err != nil {
		return "", err
	}
	to, err := openDatabase(ctx, path+newSuffix, steps)
	if err != nil {
		return "", err
	}
	if err := errors.Join(fill(to), to.Close()); err != nil {
		return "", errors.Join(err, removeDatabase(path+newSuffix))
	}
	if m.DB != nil {
		_ = m.Close() // it is damaged: what can be read of it was
	}
	if aside, err = s.swapDatabase(name); err != nil {
		return "", err
	}
	m.database, err = openDatabase(ctx, path, steps)
	return aside, err
}

// roomFor refuses to make another of a database for which there is no room.
func (s *Store) roomFor(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the file was deleted
	}
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
			if err := moveIfThere(root, name, aside); err != nil {
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

// rerecord has the next commit record all that is in memory, and then count anew
// what is in the store.
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

// unrecord marks as not recorded what the databases say of the file, and reports
// whether they are to say it again.
func (f *file) unrecord() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return false // its rows go with the next commit in any case
	}
	for _, p := range f.places {
		p.changes++
	}
	f.recorded = false
	return true
}
