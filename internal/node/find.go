package node

import (
	"context"
	"slices"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/catalog/find"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/transfer/fetch"
)

// target is what a reference turned out to mean, and who may have it.
type target struct {
	entry   shoal.Entry // Size is -1 if nobody told it
	sources []shoal.NodeID
	addrs   []string // of sources, from a link
}

func targetOf(f catalog.Found) target { return target{entry: f.Entry, sources: f.Sources} }

// newFinder returns what asks the other nodes for files, and answers them.
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

// resolve finds out what one file a reference means, here or at a connected node.
func (n *Node) resolve(ctx context.Context, ref string) (target, error) {
	found, addrs, err := n.finder.Resolve(ctx, ref)
	return target{entry: found.Entry, sources: found.Sources, addrs: addrs}, err
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

// peerChanged greets a peer that came, and forgets one that left.
func (n *Node) peerChanged(change network.Change) {
	if !change.Connected {
		n.exchange.Drop(change.Peer)
		n.tracker.Forget(change.Peer)
		return
	}
	if n.roll.node(change.Peer).State == roster.Revoked { // one that was removed may come with a new ticket
		n.running.Go(func() { n.dismiss(farewell) })
		return
	}
	n.greet(change.Peer)
	n.meet()
	n.running.Go(func() { n.askWelcome(n.ctx, change.Peer) })
}

// follow tells running fetches that a peer has come.
func (n *Node) follow(peer shoal.NodeID) {
	n.fetches.Range(func(key, _ any) bool {
		key.(*fetch.Fetch).AddSource(peer)
		return true
	})
}

// connected lists the connected nodes of the shoal, those named first at the
// front.
func (n *Node) connected(first []shoal.NodeID) []shoal.NodeID {
	all := slices.Clone(first)
	for _, peer := range n.neighbours() {
		if !slices.Contains(all, peer) {
			all = append(all, peer)
		}
	}
	return all
}
