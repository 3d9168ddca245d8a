package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// Nobody is served who is not on the roster. A node that has just joined may
// come before the word of it: the gate waits a little for that.
const (
	gateWait  = 2 * time.Second
	gateQueue = 64 // strangers that may wait at once
)

// allows reports whether a peer may be spoken with: it is on the roster, or it
// is the one this node joined through and has not yet learnt the roster from.
func (n *Node) allows(peer shoal.NodeID) bool {
	return n.roll.node(peer).Present() || peer == n.belongs.Sponsor && !n.roll.node(n.self()).Present()
}

// expelled reports whether a peer was removed or revoked.
func (n *Node) expelled(peer shoal.NodeID) bool {
	return n.roll.node(peer).Role > roster.Stranger && !n.allows(peer)
}

// gated serves only streams of those who may be spoken with. The others are told
// so.
func (n *Node) gated(serve func(network.Stream)) func(network.Stream) {
	return func(s network.Stream) {
		if n.admitted(s.Peer()) {
			serve(s)
			return
		}
		n.cfg.Log.Info("a node that is not on the roster was refused", "peer", s.Peer())
		turnAway(s)
	}
}

// admitted reports whether a peer may be spoken with, now or within gateWait.
func (n *Node) admitted(peer shoal.NodeID) bool {
	if n.allows(peer) {
		return true
	}
	if n.atGate.Add(1) > gateQueue || n.expelled(peer) {
		n.atGate.Add(-1)
		return false
	}
	defer n.atGate.Add(-1)
	ctx, cancel := context.WithTimeout(n.ctx, gateWait)
	defer cancel()
	for {
		news := n.roll.next() // before the look, or news in between would be missed
		if n.allows(peer) {
			return true
		}
		select {
		case <-news:
		case <-ctx.Done():
			return false
		}
	}
}

// turnAway tells a peer that it is not served.
func turnAway(s network.Stream) {
	bye := wire.Goodbye{Reason: wire.ReasonUnauthorised, Text: "you are not on this shoal's roster"}
	if s.SetDeadline(time.Now().Add(gateWait)) != nil {
		s.Reset()
		return
	}
	if _, err := s.Write(bye.Append(nil)); err != nil || s.Close() != nil {
		s.Reset()
	}
}

// dialSource opens a stream to fetch over. Those not on the roster are asked only if a
// person named them, by a link with their address: what peers say of others is
// no reason to speak with a stranger.
func (n *Node) dialSource(ctx context.Context, peer shoal.NodeID) (transfer.Stream, error) {
	if !n.allows(peer) && !n.connectedWith(peer) {
		return nil, fmt.Errorf("%s is not on the roster: %w", peer.Short(), shoal.Unauthorised)
	}
	return n.host.Open(ctx, peer, wire.ChunkProtocol)
}

func (n *Node) connectedWith(peer shoal.NodeID) bool {
	return slices.ContainsFunc(n.host.Peers(), func(c network.Conn) bool { return c.Peer == peer })
}

// learn takes in where a peer can be reached, if it is one to be spoken with.
func (n *Node) learn(teller, peer shoal.NodeID, addrs []string) {
	if n.allows(peer) {
		n.host.Learn(teller, peer, addrs)
	}
}

// neighbours lists the connected peers that may be spoken with.
func (n *Node) neighbours() []shoal.NodeID {
	var peers []shoal.NodeID
	for _, conn := range n.host.Peers() {
		if n.allows(conn.Peer) {
			peers = append(peers, conn.Peer)
		}
	}
	return peers
}
