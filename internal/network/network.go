// Package network is the seam to other nodes: authenticated, encrypted
// connections named by node id, and streams on them. Host is what it must do;
// package host does it with libp2p, package memnet inside one process.
//
// It does not know files, chunks or membership.
package network

import (
	"context"
	"io"
	"time"

	"shoal"
)

// Host is one node's end of the network. Its methods are safe for use by many
// goroutines at once.
type Host interface {
	Opener
	Connector

	// ID is the node's own id.
	ID() shoal.NodeID

	// Addrs is where the node can be reached: multiaddrs that end in
	// /p2p/<id>, the ones to try first at the front.
	Addrs() []string

	// Handle has every stream that a peer opens for protocol served by serve,
	// in a goroutine of its own. It must be called before Connect. serve must
	// Close or Reset the stream.
	Handle(protocol string, serve func(Stream))

	// Close ends all connections and returns when every handler has.
	Close() error
}

// Opener opens streams.
type Opener interface {
	// Open opens a stream for protocol to a peer: over the connection there
	// is, or over a new one if an address is known. It may return before the
	// peer has agreed, in which case the first read fails if it does not.
	// Errors are shoal.Network.
	Open(ctx context.Context, peer shoal.NodeID, protocol string) (Stream, error)
}

// Connector makes and watches connections.
type Connector interface {
	// Connect makes sure there is a connection to the node at addr, a
	// multiaddr that ends in /p2p/<id>, and returns its id. Errors are
	// shoal.Usage for what is no address and shoal.Network for the rest.
	Connect(ctx context.Context, addr string) (shoal.NodeID, error)

	// Learn remembers where a peer can be reached, as teller says, for a later
	// Open, for at least a few minutes. Addresses are foreign data: those that
	// are malformed, for another peer, or may not be told by the teller, are
	// ignored.
	Learn(teller, peer shoal.NodeID, addrs []string)

	// AddrsOf is where a peer can be reached, as a connection has proved or the
	// peer said itself: a few multiaddrs that end in /p2p/<id>. It is meant to
	// be told to others, so what was only Learnt is not in it.
	AddrsOf(peer shoal.NodeID) []string

	// Disconnect ends all connections to a peer, if there are any.
	Disconnect(peer shoal.NodeID)

	// Peers lists the connections there are, one for each peer.
	Peers() []Conn

	// Watch calls notify, from one goroutine, with every peer that is
	// connected from now on and every one that is lost, until stop is called.
	Watch(notify func(Change)) (stop func())
}

// Conn describes a connection.
type Conn struct {
	Peer      shoal.NodeID
	Addr      string // the remote multiaddr, without /p2p
	Inbound   bool
	Transport string // "tcp", "quic" or "mem"
	Since     time.Time
	Latency   time.Duration // smoothed; 0 if not yet known
}

// Change is a peer coming or going.
type Change struct {
	Peer      shoal.NodeID
	Connected bool
}

// Stream is an ordered, reliable, encrypted byte stream to a peer whose
// identity has been proven. Reads and writes may go on at the same time, one
// of each. Reset may be called by anyone at any time, and fails both.
type Stream interface {
	io.ReadWriteCloser // Close flushes and ends both directions

	// CloseWrite ends the writing half: the peer reads io.EOF.
	CloseWrite() error

	// Reset drops the stream at once; the peer's reads and writes fail.
	Reset()

	// SetDeadline, SetReadDeadline and SetWriteDeadline are as in net.Conn.
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error

	// Peer is who is at the other end.
	Peer() shoal.NodeID
}
