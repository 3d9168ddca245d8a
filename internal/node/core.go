package node

import (
	"context"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog/exchange"
	"shoal/internal/catalog/find"
	"shoal/internal/discovery"
	"shoal/internal/membership"
	"shoal/internal/membership/heartbeat"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/record"
	"shoal/internal/transfer"
	"shoal/internal/transfer/download"
	"shoal/internal/transfer/serve"
)

// core is a data folder and the network, joined: the parts of a node that the
// reconciler and the answers to people stand on.
type core struct {
	*folder
	host     network.Host
	exchange *exchange.Exchange
	beats    *heartbeat.Runner
	keeper   *discovery.Keeper

	board   *transfer.Board
	tracker *transfer.Tracker
	traffic transfer.Traffic
	server  *serve.Server
	finder  *find.Finder
	fetcher *download.Fetcher

	ctx  context.Context // ends when the node is closed
	stop context.CancelFunc
}

// core makes the parts that need both the folder and the network. None of them runs yet.
func (o *opening) core(ctx context.Context, f *folder) (*core, error) {
	h, err := f.listen()
	if err != nil {
		return nil, err
	}
	c := &core{folder: f, host: h, board: new(transfer.Board), tracker: new(transfer.Tracker)}
	c.exchange = exchange.New(h, f.journal, f.cfg.Log)
	c.beats, err = heartbeat.New(heartbeat.Config{
		Host: h, Key: f.identity, AddrsOf: f.membership.AddrsOf, Before: f.addresses.Of, Notify: c.membersNews, Log: f.cfg.Log,
		Clock:    func() record.Stamp { return record.StampAt(time.Now()) },
		Detector: liveness.Config{Incarnation: f.membership.Folder().Starts, Nonce: nonce(f.started), Down: f.cfg.DownAfter, Suspect: f.cfg.DownAfter / 2},
	})
	if err != nil {
		return nil, err
	}
	c.keeper = discovery.NewKeeper(h, slices.Concat(f.cfg.Peers, f.membership.Sponsors()), f.cfg.Log)
	c.server = serve.New(serve.Config{
		Library: f.store, Board: c.board, Tracker: c.tracker, AddrsOf: h.AddrsOf,
		UploadLimit: f.cfg.UploadLimit, Sent: c.traffic.Sent, Log: f.cfg.Log,
	})
	c.finder, c.fetcher = newFinder(c), newFetcher(c)
	c.ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	return c, nil
}

// place is all that this node says of itself to all.
func (c *core) place() roster.Self {
	addrs := forOthers(c.host.Addrs())
	return roster.Self{Name: c.cfg.Name, Zone: c.cfg.Zone, Allotment: c.allotment, Addrs: addrs[:min(len(addrs), roster.MaxAddrs)]}
}

// membersNews is told what the failure detector found.
func (c *core) membersNews(a liveness.Action) {
	switch a := a.(type) {
	case liveness.Changed:
		c.cfg.Log.Info("a node is in another state", "node", c.membership.NameOf(a.Member.Node), "state", a.Member.State)
	case liveness.Cloned:
		if a.Node == c.self() {
			c.cloned(a)
		}
	default:
	}
	c.listener.tell(func(n *Node) { n.reconciler.poke() })
}

// cloned is told that another process runs with this node's identity.
func (c *core) cloned(a liveness.Cloned) {
	err := membership.Cloned(a.Nonce, nonce(c.started))
	if err == nil {
		c.cfg.Log.Error("a copy of this data folder was started elsewhere; it should have stopped by itself")
		return
	}
	c.cfg.Log.Error("this node stops", "err", err)
	if c.cfg.Fail != nil {
		c.cfg.Fail(err)
	}
}

// nonce tells this process from all others: later ones have greater.
func nonce(now time.Time) uint64 { return uint64(now.UnixNano()) }

// neighbours lists the connected peers that this node speaks with.
func (c *core) neighbours() []shoal.NodeID {
	var peers []shoal.NodeID
	for _, conn := range c.host.Peers() {
		if c.membership.Allows(conn.Peer) {
			peers = append(peers, conn.Peer)
		}
	}
	return peers
}

func (c *core) connectedWith(peer shoal.NodeID) bool {
	return slices.ContainsFunc(c.host.Peers(), func(conn network.Conn) bool { return conn.Peer == peer })
}

// awaitPeers waits, in a node that has only started, until those it is to stay
// connected with have been dialled.
func (c *core) awaitPeers(ctx context.Context) {
	if len(c.host.Peers()) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, find.Timeout)
	defer cancel()
	select {
	case <-c.keeper.Tried():
	case <-ctx.Done():
	}
}

// present is how many chunks of a file can be read here.
func (c *core) present(ctx context.Context, id shoal.FileID) int {
	have, err := c.store.Has(ctx, id)
	if err != nil {
		return 0
	}
	c.board.AddPosted(id, &have)
	return have.Count()
}
