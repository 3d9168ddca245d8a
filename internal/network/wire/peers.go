package wire

import (
	"encoding/binary"

	"shoal"
)

// PeerAddr says where a node may be reached. It is hearsay: the connection
// proves who is there, and package network decides which addresses to try.
type PeerAddr struct {
	Node  shoal.NodeID
	Addrs []string
}

// Peers names other nodes that have the session's file or are getting it, as
// a tracker's answer does (BEP 3).
type Peers struct {
	Peers []PeerAddr
}

// Append appends the frame to b, leaving out what is over the bounds.
func (m Peers) Append(b []byte) []byte {
	return appendFrame(b, TypePeers, func(b []byte) []byte {
		peers := m.Peers[:min(len(m.Peers), MaxPeers)]
		b = binary.BigEndian.AppendUint16(b, uint16(len(peers)))
		for _, peer := range peers {
			b = appendPeer(b, peer)
		}
		return b
	})
}

func appendPeer(b []byte, peer PeerAddr) []byte {
	b = appendText(b, string(peer.Node), MaxNodeID)
	addrs := peer.Addrs[:min(len(peer.Addrs), MaxPeerAddrs)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(addrs)))
	for _, addr := range addrs {
		b = appendText(b, addr, MaxAddr)
	}
	return b
}

// ParsePeers reads a Peers' body.
func ParsePeers(body []byte) (Peers, error) {
	c := cursor{rest: body}
	var m Peers
	for range c.count(MaxPeers) {
		peer := PeerAddr{Node: shoal.NodeID(c.text(MaxNodeID))}
		for range c.count(MaxPeerAddrs) {
			peer.Addrs = append(peer.Addrs, c.text(MaxAddr))
		}
		m.Peers = append(m.Peers, peer)
	}
	return m, c.done("peers")
}
