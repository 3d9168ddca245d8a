package host

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	libp2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	goyamux "github.com/libp2p/go-yamux/v5"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/quic-go/quic-go"

	"shoal"
	"shoal/internal/network"
)

// Peers lists the connections, the oldest of each peer, in order of age.
func (h *Host) Peers() []network.Conn {
	conns := h.stack.swarm.Conns()
	slices.SortFunc(conns, func(a, b libp2p.Conn) int { return a.Stat().Opened.Compare(b.Stat().Opened) })
	seen := make(map[peer.ID]bool, len(conns))
	peers := make([]network.Conn, 0, len(conns))
	for _, conn := range conns {
		if id := conn.RemotePeer(); !seen[id] {
			seen[id] = true
			peers = append(peers, describe(conn))
		}
	}
	return peers
}

func describe(conn libp2p.Conn) network.Conn {
	stat := conn.Stat()
	name, latency := transport(conn)
	return network.Conn{
		Peer:      shoal.NodeID(conn.RemotePeer().String()),
		Addr:      conn.RemoteMultiaddr().String(),
		Inbound:   stat.Direction == libp2p.DirInbound,
		Transport: name,
		Since:     stat.Opened,
		Latency:   latency,
	}
}

// transport is what a connection runs over, and the round trip as that has
// measured and smoothed it.
func transport(conn libp2p.Conn) (name string, latency time.Duration) {
	if overQUIC, ok := as[*quic.Conn](conn); ok {
		return "quic", overQUIC.ConnectionStats().SmoothedRTT
	}
	if overTCP, ok := as[*goyamux.Session](conn); ok {
		return "tcp", overTCP.RTT()
	}
	return "", 0
}

func as[T any](conn libp2p.Conn) (inner T, ok bool) {
	ok = conn.As(&inner)
	return inner, ok
}

// Watch tells of peers that come and go. See network.Connector.
func (h *Host) Watch(notify func(network.Change)) (stop func()) { return h.watchers.Watch(notify) }

// Disconnect ends all connections to a peer. See network.Connector.
func (h *Host) Disconnect(node shoal.NodeID) {
	if id, err := peer.Decode(string(node)); err == nil {
		_ = h.stack.swarm.ClosePeer(id) // what could not be closed in order is closed
	}
}

// passOnChanges runs until the subscription is closed.
func (h *Host) passOnChanges() {
	for happened := range h.changes.Out() {
		switch happened := happened.(type) {
		case event.EvtPeerConnectednessChanged:
			h.watchers.Tell(network.Change{
				Peer:      shoal.NodeID(happened.Peer.String()),
				Connected: happened.Connectedness == libp2p.Connected,
			})
		case event.EvtPeerIdentificationCompleted:
			h.known.said(happened.Peer, happened.Conn, happened.ListenAddrs)
		}
	}
}

// near reports whether a peer on this very machine is connected.
func (h *Host) near(node shoal.NodeID) loopbackUse {
	id, err := peer.Decode(string(node))
	return loopbackUse(err == nil && slices.ContainsFunc(h.stack.swarm.ConnsToPeer(id), func(conn libp2p.Conn) bool {
		return manet.IsIPLoopback(conn.RemoteMultiaddr())
	}))
}

func onlyLoopback(addrs []ma.Multiaddr) loopbackUse {
	return loopbackUse(!slices.ContainsFunc(addrs, func(addr ma.Multiaddr) bool { return !manet.IsIPLoopback(addr) }))
}
