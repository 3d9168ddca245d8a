package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/discovery/members"
	"shoal/internal/network/host"
	"shoal/internal/record"
)

// cloned is told that another process runs with this node's identity. The newer
// of the two goes no further.
func (n *Node) cloned(a members.Cloned) {
	if a.Nonce > nonce(n.started) {
		n.cfg.Log.Error("a copy of this data folder was started elsewhere; it should have stopped by itself")
		return
	}
	err := shoal.WithHint(fmt.Errorf("another node runs with this node's identity: the data folder was copied: %w", shoal.Exists),
		"`shoal doctor --new-identity` makes this one a node of its own, which joins with a new ticket and keeps its chunks")
	n.cfg.Log.Error("this node stops", "err", err)
	if n.cfg.Fail != nil {
		n.cfg.Fail(err)
	}
}

// newIdentity sets aside who the node of a data folder was, and what it said and
// heard. What is in its store stays.
func (d *doctor) newIdentity() error {
	key, err := host.LoadIdentity(filepath.Join(d.data, identityFile))
	if err != nil {
		return err
	}
	was := record.NodeOf(key.Public().(ed25519.PublicKey))
	aside := filepath.Join(d.data, "was-"+was.Short())
	if err := os.Mkdir(aside, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
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
	d.add(true, "", "the node that this was, %s, is set aside in %s; the next shoal up --join TICKET makes another", was.Short(), aside)
	return nil
}
