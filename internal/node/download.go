package node

import (
	"context"
	"fmt"
	"sync/atomic"

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
func newFetcher(c *core) *download.Fetcher {
	return download.New(download.Config{
		Host: c.host, Store: c.store, Tracker: c.tracker, Neighbours: c.neighbours, Title: c.membership.Title, Log: c.cfg.Log,
		Engine: fetch.New(fetch.Config{
			Dial: c.dialSource, Learn: c.learn, Received: c.traffic.Received, Self: c.host.ID(),
			Board: c.board, Bans: new(transfer.Bans), Log: c.cfg.Log,
		}),
	})
}

func newGetter(c *core, serial *atomic.Uint64) *download.Getter {
	return &download.Getter{
		Self: c.self(), Copies: defaultCopies, Store: c.store, Fetcher: c.fetcher, Names: c.catalog.Of,
		Serial: func() uint64 { return serial.Add(1) },
		Output: func(ctx context.Context, f content.File, path string, replace bool) (download.Output, error) {
			mode := disk.Refuse
			if replace {
				mode = disk.Overwrite
			}
			out, err := c.store.Output(ctx, f, path, mode)
			if err != nil {
				return nil, err
			}
			return out, nil
		},
		Resolve: func(ctx context.Context, ref string) (download.Request, error) { return resolve(ctx, c.finder, ref) },
		Folder: func(ctx context.Context, ref string) (items []download.Item, err error) {
			found, err := c.finder.Folder(ctx, ref)
			for _, f := range found {
				items = append(items, download.Item{Request: download.Request{Entry: f.Entry, Sources: f.Sources}, Inside: f.Inside})
			}
			return items, err
		},
	}
}

func newOpener(c *core) *download.Opener {
	return &download.Opener{Store: c.store, Quota: c.quota, Cache: c.cache, Board: c.board, Fetcher: c.fetcher}
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
func (c *core) dialSource(ctx context.Context, peer shoal.NodeID) (transfer.Stream, error) {
	if !c.membership.Allows(peer) && !c.connectedWith(peer) {
		return nil, fmt.Errorf("%s is not on the roster: %w", peer.Short(), shoal.Unauthorised)
	}
	return c.host.Open(ctx, peer, wire.ChunkProtocol)
}

// learn takes in where a peer can be reached, if this node speaks with it.
func (c *core) learn(teller, peer shoal.NodeID, addrs []string) {
	if c.membership.Allows(peer) {
		c.host.Learn(teller, peer, addrs)
	}
}
