package node

import (
	"fmt"
	"path/filepath"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/membership/liveness"
	"shoal/internal/network/host"
)

// cloned is told that another process runs with this node's identity. The newer
// of the two goes no further.
func (n *Node) cloned(a liveness.Cloned) {
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

// loadIdentity reads the node's key, and makes one in a folder that is nobody's
// yet. Where there is a node's word and no key it makes none: the new one would
// be another node, whose journal that is not.
func (n *Node) loadIdentity() (err error) {
	path := filepath.Join(n.cfg.Data, datadir.Identity)
	if err := datadir.CheckIdentity(n.cfg.Data); err != nil {
		return err
	}
	n.identity, err = host.LoadIdentity(path)
	return err
}
