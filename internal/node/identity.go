package node

import (
	"path/filepath"

	"shoal/internal/datadir"
	"shoal/internal/network/host"
)

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
