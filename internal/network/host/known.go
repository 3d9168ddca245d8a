package host

import (
	"slices"
	"sync"

	libp2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"shoal"
)

// Bounds on what is told to others: addresses of one peer, and peers.
const (
	maxKnown      = 8
	maxKnownPeers = 4096
)

// known is where peers can be reached as they have proved or said themselves.
// What others said of them is not in it, and so is not passed on.
type known struct {
	mu    sync.Mutex // guards addrs
	addrs map[peer.ID][]ma.Multiaddr
}

// said notes what a peer says, at the other end of a connection, of where it
// listens.
func (k *known) said(id peer.ID, conn libp2p.Conn, listening []ma.Multiaddr) {
	addrs := dialled([]libp2p.Conn{conn})
	near := manet.IsIPLoopback(conn.RemoteMultiaddr())
	for _, addr := range listening {
		if speakable(addr) && (near || !manet.IsIPLoopback(addr)) {
			addrs = append(addrs, addr)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.addrs == nil {
		k.addrs = make(map[peer.ID][]ma.Multiaddr)
	}
	for old := range k.addrs {
		if len(k.addrs) < maxKnownPeers {
			break
		}
		delete(k.addrs, old) // any: it is told again when the peer connects
	}
	k.addrs[id] = addrs
}

func (k *known) of(id peer.ID) []ma.Multiaddr {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.addrs[id]
}

// dialled is where connections were made to.
func dialled(conns []libp2p.Conn) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, conn := range conns {
		if conn.Stat().Direction == libp2p.DirOutbound && speakable(conn.RemoteMultiaddr()) {
			addrs = append(addrs, conn.RemoteMultiaddr())
		}
	}
	return addrs
}

// AddrsOf is where a peer can be reached: where it was, and where it said itself
// that it listens.
func (h *Host) AddrsOf(node shoal.NodeID) []string {
	id, err := peer.Decode(string(node))
	if err != nil {
		return nil
	}
	var addrs []string
	for _, addr := range slices.Concat(dialled(h.stack.swarm.ConnsToPeer(id)), h.known.of(id)) {
		text := addr.String() + "/p2p/" + id.String()
		if len(addrs) < maxKnown && !slices.Contains(addrs, text) {
			addrs = append(addrs, text)
		}
	}
	return addrs
}
