package node

import (
	"context"
	"fmt"
	"time"

	"shoal"
)

// Peers lists the connected peers. See shoal.Overseer.
func (n *Node) Peers(context.Context) ([]shoal.Peer, error) {
	conns := n.host.Peers()
	peers := make([]shoal.Peer, 0, len(conns))
	for _, conn := range conns {
		in, out := n.traffic.Of(conn.Peer)
		peer := shoal.Peer{
			ID: conn.Peer, Name: n.membership.Title(conn.Peer), Addr: conn.Addr, Direction: "out", Transport: conn.Transport,
			Latency: conn.Latency, Since: conn.Since, BytesIn: in, BytesOut: out,
		}
		if conn.Inbound {
			peer.Direction = "in"
		}
		peers = append(peers, peer)
	}
	return peers, nil
}

// Status is the node's account of itself. See shoal.Overseer.
func (n *Node) Status(ctx context.Context) (shoal.Status, error) {
	usage, err := n.quota.Usage(ctx)
	if err != nil {
		return shoal.Status{}, fmt.Errorf("look at the store: %w", err)
	}
	disk, err := n.store.Usage(ctx)
	if err != nil {
		return shoal.Status{}, fmt.Errorf("look at the store: %w", err)
	}
	verdict, err := n.reconciler.safety(ctx)
	if err != nil {
		return shoal.Status{}, err
	}
	conflicts, err := n.catalog.Conflicts(ctx)
	if err != nil {
		return shoal.Status{}, err
	}
	trash, err := n.trashHere(ctx)
	if err != nil {
		return shoal.Status{}, err
	}
	trouble := n.store.Trouble()
	if trouble == nil {
		trouble = []string{}
	}
	return shoal.Status{
		Name: n.cfg.Name, ID: n.host.ID(), Version: n.cfg.Version, Listen: n.host.Addrs(), Data: n.cfg.Data,
		Free: usage.Free, DiskFree: disk.Free, Capacity: usage.Capacity, Stored: usage.Stored, Linked: usage.Linked,
		Files: max(usage.Files-trash, 0), Trash: trash, Conflicts: conflicts,
		Nodes: len(n.membership.Here()), Safety: shoal.Safety{State: string(verdict.State), Text: verdict.Text},
		Scrub: n.scrubber.Status(),
		Peers: len(n.host.Peers()), Transfers: n.fetcher.Running(), Sessions: n.server.Sessions(),
		Uptime: time.Since(n.started), Trouble: trouble,
	}, nil
}

// trashHere is how many files in the trash there are chunks of here.
func (n *Node) trashHere(ctx context.Context) (count int, err error) {
	ids, err := n.catalog.Trashed(ctx)
	for _, id := range ids {
		if _, err := n.store.File(ctx, id); err == nil {
			count++
		}
	}
	return count, err
}
