package doctor

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal/internal/datadir"
	"shoal/internal/network/host"
	"shoal/internal/record"
)

// newIdentity sets the key, the journal and the catalogue of a data folder aside. The
// store stays.
func (d *examination) newIdentity() error {
	aside, was, err := d.asideFolder()
	if err != nil {
		return fmt.Errorf("set the old identity aside: %w", err)
	}
	for _, name := range []string{datadir.Journal, datadir.Catalog, datadir.Invites, datadir.Shoal, datadir.Identity} { // the identity last, so that this can be done again
		paths, err := filepath.Glob(filepath.Join(d.data, name) + "*")
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.Rename(path, filepath.Join(aside, filepath.Base(path))); err != nil {
				return fmt.Errorf("set the old identity aside: %w", err)
			}
		}
	}
	d.add(true, "", "the node that this was, %s, is set aside in %s; the next shoal up --join TICKET makes another", was, aside)
	return nil
}

// asideFolder makes the folder for the files that newIdentity sets aside. Its name is
// the old node's id, if the key can still be read.
func (d *examination) asideFolder() (path, was string, err error) {
	key, err := host.ReadIdentity(filepath.Join(d.data, datadir.Identity))
	if err == nil {
		was = record.NodeOf(key.Public().(ed25519.PublicKey)).Short()
		path = filepath.Join(d.data, "was-"+was)
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", "", err
		}
		return path, was, nil
	}
	for n := 1; ; n++ {
		path = filepath.Join(d.data, fmt.Sprintf("was-unknown-%d", n))
		if err := os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrExist) {
			return path, "whose key cannot be read", err
		}
	}
}
