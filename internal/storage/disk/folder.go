package disk

import (
	"errors"
	"fmt"
	"io/fs"

	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
)

// layOut makes the folders of a store that has none and clears away what
// imports left unfinished. A store whose format file is lost is taken for one
// of this version.
func (s *Store) layOut() (isNew bool, err error) {
	err = layout.CheckFormat(s.root)
	unmarked := errors.Is(err, fs.ErrNotExist)
	if err != nil && !unmarked {
		return false, err
	}
	if _, err := s.root.Stat(layout.BlobsDir); unmarked && errors.Is(err, fs.ErrNotExist) {
		isNew = true
	}
	for _, dir := range []string{layout.BlobsDir, layout.TmpDir, layout.QuarantineDir} {
		if err := s.root.MakeDir(dir); err != nil {
			return false, err
		}
	}
	if err := s.clearTemps(); err != nil {
		return false, err
	}
	if unmarked {
		err = body.WriteError(layout.WriteFormat(s.root, s.tempName()))
	}
	return isNew, err
}

// tempName is a name in tmp/ that nothing has.
func (s *Store) tempName() string {
	return fmt.Sprintf("%s/%d", layout.TmpDir, s.temps.Add(1))
}

// clearTemps removes what lies in tmp/: nothing in it outlives a process.
func (s *Store) clearTemps() error {
	names, err := s.root.List(layout.TmpDir)
	for _, name := range names {
		err = errors.Join(err, s.root.Remove(layout.TmpDir+"/"+name))
	}
	return err
}

// quarantine puts a file of the store's away, for a person to look at.
func (s *Store) quarantine(name, as string) error {
	to, err := layout.Quarantine(s.root, name, as)
	if err != nil {
		return err
	}
	s.trouble.tell(Notice{Kind: Quarantined, Text: fmt.Sprintf("%s was damaged, and is now %s", as, to)})
	return nil
}
