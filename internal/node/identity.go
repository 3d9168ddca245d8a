package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/network/host"
	"shoal/internal/record"
)

// loadIdentity reads the node's key, and makes one in a folder that is nobody's
// yet. Where there is a node's word and no key it makes none: the new one would
// be another node, whose journal that is not.
func (n *Node) loadIdentity() (err error) {
	path := filepath.Join(n.cfg.Data, identityFile)
	if err := lostIdentity(n.cfg.Data); err != nil {
		return err
	}
	n.identity, err = host.LoadIdentity(path)
	return err
}

// lostIdentity is an error if a data folder is of a node whose key is gone.
func lostIdentity(data string) error {
	if _, err := os.Lstat(filepath.Join(data, identityFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil // whatever is wrong with it, reading it tells
	}
	for _, name := range []string{shoalFile, journalFile} {
		if _, err := os.Lstat(filepath.Join(data, name)); err == nil {
			return shoal.WithHint(fmt.Errorf("the node's identity is gone: there is a %s and no %s: %w", name, identityFile, shoal.Integrity),
				"restore "+filepath.Join(data, identityFile)+" from a backup; or run `shoal doctor --new-identity`, and join again with a new ticket: what is in the store stays")
		}
	}
	return nil
}

// newIdentity sets aside who the node of a data folder was, and what it said and
// heard. What is in its store stays.
func (d *doctor) newIdentity() error {
	aside, was, err := d.asideFolder()
	if err != nil {
		return fmt.Errorf("set the old identity aside: %w", err)
	}
	for _, name := range []string{journalFile, catalogFile, invitesFile, shoalFile, identityFile} { // the identity last, so that this can be done again
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

// asideFolder makes the folder for what is set aside, which has the name of the
// node that this was, if its key can still be read.
func (d *doctor) asideFolder() (path, was string, err error) {
	key, err := host.ReadIdentity(filepath.Join(d.data, identityFile))
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
