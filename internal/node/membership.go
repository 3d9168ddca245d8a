package node

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog/find"
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/membership/join"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/safety"
)

// openMembership finds out which shoal the data folder belongs to.
func (n *Node) openMembership(ctx context.Context) (err error) {
	n.membership, err = membership.Open(ctx, membership.Config{
		Data: n.cfg.Data, Journal: filepath.Join(n.cfg.Data, datadir.Journal), Key: n.identity, Join: n.cfg.Join, Passing: n.cfg.Passing,
		Down: n.cfg.DownAfter, Log: n.cfg.Log, Addresses: n.addresses, Ask: n.askWelcome, Stores: n.storesSome, Forget: n.forget,
		Listen: func(ctx context.Context) (join.Host, error) {
			err := n.listen(ctx)
			return n.host, err
		},
	})
	return err
}

// openCouncil gives membership the other chapters.
func (n *Node) openCouncil() {
	n.council = membership.NewCouncil(n.membership, membership.Parts{
		Host: n.host, Journal: n.journal, Beats: n.beats, Exchange: n.exchange, Copies: copies{n},
		Place: n.place, Addrs: func() []string { return forOthers(n.host.Addrs()) },
		Met: n.fetcher.AddSource, Begun: n.recoverNames, Voids: n.voids,
	})
}

// copies is what membership is told of the copies.
type copies struct{ n *Node }

// Safe, Excused, Free and Look are as membership.Copies says.
func (c copies) Safe(ctx context.Context) (safe, settled bool, err error) {
	v, err := c.n.safety(ctx)
	return v.State == safety.Safe || v.State == safety.Empty, v.Settled, err
}

func (c copies) Excused(id shoal.NodeID) time.Time { return c.n.reconciler.excused(id) }

func (c copies) Free() (int64, error) {
	usage, err := c.n.quota.Usage(c.n.ctx)
	return usage.Free, err
}

func (c copies) Look() { c.n.reconciler.look(c.n.ctx) }

// place is all that this node says of itself to all.
func (n *Node) place() roster.Self {
	addrs := forOthers(n.host.Addrs())
	return roster.Self{Name: n.cfg.Name, Zone: n.cfg.Zone, Allotment: n.allotment, Addrs: addrs[:min(len(addrs), roster.MaxAddrs)]}
}

// askWelcome asks a peer whether this node is on its roster.
func (n *Node) askWelcome(ctx context.Context, peer shoal.NodeID) error {
	_, err := find.Ask(ctx, n.host, peer, wire.Find{})
	return err
}

// storesSome reports whether there is anything in the store.
func (n *Node) storesSome(ctx context.Context) (bool, error) {
	for _, err := range n.store.All(ctx) {
		return true, err
	}
	return false, nil
}

// forget deletes what was said in a shoal that is left.
func (n *Node) forget() error {
	for _, name := range []string{datadir.Journal, datadir.Catalog} {
		paths, err := filepath.Glob(filepath.Join(n.cfg.Data, name) + "*") // SQLite has files beside it
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// heard is told of all that the journal has taken in.
func (n *Node) heard(items []journal.Item) {
	n.catalog.Apply(items)
	news := n.membership.Heard(items)
	if n.exchange != nil {
		n.exchange.News(items)
		if news {
			n.exchange.Admitted()
		}
	}
	if n.reconciler != nil {
		n.reconciler.heard(items)
		if news {
			n.reconciler.poke()
		}
	}
}

// voids takes what a revoked node said out of the catalogue.
func (n *Node) voids(ctx context.Context, items []journal.Item) error {
	err := n.catalog.Void(ctx, items)
	n.reconciler.voided(items)
	return err
}

// membersNews is told what the failure detector found.
func (n *Node) membersNews(a liveness.Action) {
	switch a := a.(type) {
	case liveness.Changed:
		n.cfg.Log.Info("a node is in another state", "node", n.membership.NameOf(a.Member.Node), "state", a.Member.State)
	case liveness.Cloned:
		if a.Node == n.self() {
			n.cloned(a)
		}
	default:
	}
	if n.reconciler != nil {
		n.reconciler.poke()
	}
}

// cloned is told that another process runs with this node's identity.
func (n *Node) cloned(a liveness.Cloned) {
	err := membership.Cloned(a.Nonce, nonce(n.started))
	if err == nil {
		n.cfg.Log.Error("a copy of this data folder was started elsewhere; it should have stopped by itself")
		return
	}
	n.cfg.Log.Error("this node stops", "err", err)
	if n.cfg.Fail != nil {
		n.cfg.Fail(err)
	}
}

// nonce tells this process from all others: later ones have greater.
func nonce(now time.Time) uint64 { return uint64(now.UnixNano()) }

// peerChanged tells the chapters that a peer came, or was lost.
func (n *Node) peerChanged(change network.Change) {
	if !change.Connected {
		n.exchange.Drop(change.Peer)
		n.tracker.Forget(change.Peer)
	}
	n.council.PeerChanged(change)
	n.reconciler.poke()
}

// awaitJoined waits until a node that has just joined has learnt the roster and
// introduced itself, so that a caller does not find it among strangers.
func (n *Node) awaitJoined(ctx context.Context) {
	if n.membership.Present() {
		return
	}
	select {
	case <-n.membership.Joined():
	case <-time.After(joinTimeout):
		n.cfg.Log.Warn("the roster has not come yet; this node goes on, and waits for it")
	case <-ctx.Done():
	}
}

// joinTimeout is how long a node that has just joined waits for the roster.
const joinTimeout = 5 * time.Second

// neighbours lists the connected peers that this node speaks with.
func (n *Node) neighbours() []shoal.NodeID {
	var peers []shoal.NodeID
	for _, conn := range n.host.Peers() {
		if n.membership.Allows(conn.Peer) {
			peers = append(peers, conn.Peer)
		}
	}
	return peers
}

func (n *Node) connectedWith(peer shoal.NodeID) bool {
	return slices.ContainsFunc(n.host.Peers(), func(c network.Conn) bool { return c.Peer == peer })
}

// Nodes lists the nodes of the shoal. See shoal.Council.
func (n *Node) Nodes(ctx context.Context) ([]shoal.Member, error) { return n.council.Nodes(ctx) }

// SetNode changes what holds for a node. See shoal.Council.
func (n *Node) SetNode(ctx context.Context, ref string, change shoal.NodeChange) (shoal.Member, error) {
	return n.council.SetNode(ctx, ref, change)
}

// Invite makes a ticket. See shoal.Council.
func (n *Node) Invite(ctx context.Context, req shoal.InviteRequest) (shoal.Invite, error) {
	return n.council.Invite(ctx, req)
}
