package node

import (
	"context"

	"shoal"
	"shoal/internal/catalog/find"
	"shoal/internal/transfer/download"
)

// newFinder returns the finder of this node, which asks other nodes and answers them.
func newFinder(n *Node) *find.Finder {
	return find.New(find.Config{
		Name: n.cfg.Name, Catalog: n.catalog, Opener: n.host, Log: n.cfg.Log, Present: n.present,
		Connected: func() int { return len(n.host.Peers()) },
		Peers: func(ctx context.Context) []shoal.NodeID {
			n.awaitPeers(ctx)
			return n.neighbours()
		},
	})
}

// resolve returns the file that a reference means, here or at a connected node.
func resolve(ctx context.Context, finder *find.Finder, ref string) (download.Request, error) {
	found, addrs, err := finder.Resolve(ctx, ref)
	return download.Request{Entry: found.Entry, Sources: found.Sources, Addrs: addrs}, err
}

// awaitPeers waits, in a node that has only started, until those it is to stay
// connected with have been dialled.
func (n *Node) awaitPeers(ctx context.Context) {
	if len(n.host.Peers()) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, find.Timeout)
	defer cancel()
	select {
	case <-n.keeper.Tried():
	case <-ctx.Done():
	}
}

// present is how many chunks of a file can be read here.
func (n *Node) present(ctx context.Context, id shoal.FileID) int {
	have, err := n.store.Has(ctx, id)
	if err != nil {
		return 0
	}
	n.board.AddPosted(id, &have)
	return have.Count()
}
