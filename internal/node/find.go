package node

import (
	"context"

	"shoal"
	"shoal/internal/catalog/find"
	"shoal/internal/transfer/download"
)

// newFinder returns the finder of this node, which asks other nodes and answers them.
func newFinder(c *core) *find.Finder {
	return find.New(find.Config{
		Name: c.cfg.Name, Catalog: c.catalog, Opener: c.host, Log: c.cfg.Log, Present: c.present,
		Connected: func() int { return len(c.host.Peers()) },
		Peers: func(ctx context.Context) []shoal.NodeID {
			c.awaitPeers(ctx)
			return c.neighbours()
		},
	})
}

// resolve returns the file that a reference means, here or at a connected node.
func resolve(ctx context.Context, finder *find.Finder, ref string) (download.Request, error) {
	found, addrs, err := finder.Resolve(ctx, ref)
	return download.Request{Entry: found.Entry, Sources: found.Sources, Addrs: addrs}, err
}
