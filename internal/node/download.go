package node

import (
	"context"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/storage/disk"
	"shoal/internal/transfer"
	"shoal/internal/transfer/download"
	"shoal/internal/transfer/fetch"
)

// newFetcher returns the fetcher of this node, which asks the nodes of the shoal and
// the nodes that a link names.
func newFetcher(n *Node) *download.Fetcher {
	return download.New(download.Config{
		Host: n.host, Store: n.store, Tracker: n.tracker, Neighbours: n.neighbours, Title: n.membership.Title, Log: n.cfg.Log,
		Engine: fetch.New(fetch.Config{
			Dial: n.dialSource, Learn: n.learn, Received: n.traffic.Received, Self: n.host.ID(),
			Board: n.board, Bans: new(transfer.Bans), Log: n.cfg.Log,
		}),
	})
}

func newGetter(n *Node) *download.Getter {
	return &download.Getter{
		Self: n.self(), Copies: defaultCopies, Store: n.store, Fetcher: n.fetcher, Names: n.catalog.Of,
		Serial: func() uint64 { return n.serial.Add(1) },
		Output: func(ctx context.Context, f content.File, path string, replace bool) (download.Output, error) {
			mode := disk.Refuse
			if replace {
				mode = disk.Overwrite
			}
			out, err := n.store.Output(ctx, f, path, mode)
			if err != nil {
				return nil, err
			}
			return out, nil
		},
		Resolve: func(ctx context.Context, ref string) (download.Request, error) { return resolve(ctx, n.finder, ref) },
		Folder: func(ctx context.Context, ref string) (items []download.Item, err error) {
			found, err := n.finder.Folder(ctx, ref)
			for _, f := range found {
				items = append(items, download.Item{Request: download.Request{Entry: f.Entry, Sources: f.Sources}, Inside: f.Inside})
			}
			return items, err
		},
	}
}

func newOpener(n *Node) *download.Opener {
	return &download.Opener{Store: n.store, Quota: n.quota, Cache: n.cache, Board: n.board, Fetcher: n.fetcher}
}

// Get fetches files. See shoal.Mover.
func (n *Node) Get(ctx context.Context, req shoal.GetRequest, watch func(shoal.Event)) error {
	if len(req.Items) > shoal.MaxItems {
		return fmt.Errorf("%d files in one request, at most %d are allowed: %w", len(req.Items), shoal.MaxItems, shoal.Usage)
	}
	ctx, done := n.work(ctx)
	defer done()
	return n.getter.Get(ctx, req, watch)
}

// Open opens a file for reading. See shoal.Mover. The part of a file that is fetched
// for a reader is kept in the store, so that others can be served from it.
func (n *Node) Open(ctx context.Context, ref string) (shoal.Content, error) {
	r, err := resolve(ctx, n.finder, ref)
	if err != nil {
		return nil, err
	}
	ctx, done := n.work(ctx)
	opened, err := n.opener.Open(ctx, r, done)
	if err != nil {
		done()
		return nil, err
	}
	return opened, nil
}

// dialSource opens a stream to fetch over. A stranger is only asked if a person named
// it, by a link with its address: the word of other peers is no reason to speak with
// a stranger.
func (n *Node) dialSource(ctx context.Context, peer shoal.NodeID) (transfer.Stream, error) {
	if !n.membership.Allows(peer) && !n.connectedWith(peer) {
		return nil, fmt.Errorf("%s is not on the roster: %w", peer.Short(), shoal.Unauthorised)
	}
	return n.host.Open(ctx, peer, wire.ChunkProtocol)
}

// learn takes in where a peer can be reached, if this node speaks with it.
func (n *Node) learn(teller, peer shoal.NodeID, addrs []string) {
	if n.membership.Allows(peer) {
		n.host.Learn(teller, peer, addrs)
	}
}
