package host

import (
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/x/rate"
	goyamux "github.com/libp2p/go-yamux/v5"
)

// How much a peer may have in flight. ADR 3 has the measurements.
const (
	// streamWindow is what a stream's receive window is at first. yamux
	// doubles it each time the reader has taken half of it within four round
	// trips, so this decides how long a stream takes to fill a long link. It
	// is not accounted for by the resource manager, so it also is what a peer
	// can make this node hold with each stream whose handler does not read.
	streamWindow = 4 << 20

	// maxStreamWindow is what it grows to by name. Each time yamux doubles a
	// window it forgets to grant the half that was due just then (go-yamux
	// v5.1.0, Stream.sendWindowUpdate: the second GrowTo overwrites the delta of
	// the first), so a peer never has more than (maxStreamWindow+streamWindow)/2,
	// 130 MiB, and is granted the next 128 when they have been taken. So a stream
	// carries 128 MiB in a round trip and the time it takes to send them: 1 GB/s
	// at 60 ms. Growth needs a reader that keeps up, so a stalled one holds no
	// more than it has earned, once. With a yamux that is mended, halve this.
	maxStreamWindow = 256 << 20

	// Growth is reserved from the peer at middle priority, for which half of a
	// limit is there to take; a refused reservation silently keeps the window
	// as it is. So one peer may grow two streams to the full, and all peers
	// together four. What is reserved is twice what is really granted.
	maxPeerMemory   = 4 * maxStreamWindow
	maxSystemMemory = 8 * maxStreamWindow

	// maxFrame is the most bytes of one frame of yamux, for each of which the
	// other side is woken: half of a Data frame of wire.MaxPayload with all its
	// headers. yamux queues 64 frames on a connection, but no more of a stream
	// than the peer's window allows, so this bounds what a slow peer pins of
	// ours to 8 MiB; frames of twice the size saved nothing more.
	maxFrame = 129 << 10
)

// How many of everything. Shoal opens a few long-lived streams to each peer,
// beside the short ones that ask a question.
const (
	maxPeerStreamsIn   = 64   // x streamWindow = 256 MiB is what one hostile peer can pin
	maxStreamsIn       = 1024 // over all peers
	maxStreamsOut      = 4096
	maxUnnegotiated    = 512 // streams and connections in their handshake
	maxConns           = 1024
	maxPeerConns       = 8 // two nodes that dial each other over TCP and QUIC make four
	maxConnsPerAddress = 256
	lowConns           = 512 // above highConns, the least used are closed down to lowConns
	highConns          = 768
	newConnsPerSecond  = 32 // from or to one address, with a burst of maxConnsPerAddress
)

// How soon a peer that says nothing is given up: an idle connection is probed
// every keepAlive, and lost when that or any write takes silence.
const (
	keepAlive = 5 * time.Second
	silence   = 10 * time.Second
)

// muxer is yamux with windows for long links.
func muxer() upgrader.StreamMuxer {
	config := goyamux.DefaultConfig()
	config.InitialStreamWindowSize = streamWindow
	config.MaxStreamWindowSize = maxStreamWindow
	config.MaxIncomingStreams = maxPeerStreamsIn
	config.KeepAliveInterval = keepAlive
	config.ConnectionWriteTimeout = silence
	config.MaxMessageSize = maxFrame
	config.ReadBufSize = 0 // TLS below has a buffer of its own
	config.LogOutput = io.Discard
	return upgrader.StreamMuxer{ID: yamux.ID, Muxer: (*yamux.Transport)(config)}
}

// newResources is a resource manager with the limits above and no others.
func newResources() (network.ResourceManager, error) {
	limits := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Streams: maxStreamsIn + maxStreamsOut, StreamsInbound: maxStreamsIn, StreamsOutbound: maxStreamsOut,
			Conns: maxConns, ConnsInbound: maxConns, ConnsOutbound: maxConns, FD: maxConns,
			Memory: maxSystemMemory,
		},
		Transient: rcmgr.ResourceLimits{
			Streams: maxUnnegotiated, StreamsInbound: maxUnnegotiated, StreamsOutbound: maxUnnegotiated,
			Conns: maxUnnegotiated, ConnsInbound: maxUnnegotiated, ConnsOutbound: maxUnnegotiated, FD: maxUnnegotiated,
			Memory: maxSystemMemory,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Streams: maxStreamsOut, StreamsInbound: maxPeerStreamsIn, StreamsOutbound: maxStreamsOut,
			Conns: maxPeerConns, ConnsInbound: maxPeerConns, ConnsOutbound: maxPeerConns, FD: maxPeerConns,
			Memory: maxPeerMemory,
		},
	}
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(limits.Build(rcmgr.InfiniteLimits)),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(perSubnet(32), perSubnet(64)),
		rcmgr.WithConnRateLimiters(newRateLimiter()),
	)
}

// perSubnet allows many nodes behind one address: containers on one machine,
// machines behind one router. libp2p's own limit is eight.
func perSubnet(prefix int) []rcmgr.ConnLimitPerSubnet {
	return []rcmgr.ConnLimitPerSubnet{{PrefixLength: prefix, ConnCount: maxConnsPerAddress}}
}

// newRateLimiter allows the reconnecting of all nodes behind one address after
// a restart. libp2p's own limit, one in five seconds after a burst of 16,
// counts dials too and would lock a node out of a peer that restarts.
func newRateLimiter() *rate.Limiter {
	perAddress := func(prefix int) []rate.SubnetLimit {
		return []rate.SubnetLimit{{
			PrefixLength: prefix,
			Limit:        rate.Limit{RPS: newConnsPerSecond, Burst: maxConnsPerAddress},
		}}
	}
	return &rate.Limiter{SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: perAddress(32),
		IPv6SubnetLimits: perAddress(64),
		GracePeriod:      time.Minute,
	}}
}
