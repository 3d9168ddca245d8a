package transfer

import (
	"sync"
	"sync/atomic"

	"shoal"
)

// Traffic counts file bytes to and from each peer, for at most maxCounted peers.
// Only peers that proved their key are counted. Its zero value has counted nothing.
// Safe for use by many goroutines; no method blocks.
type Traffic struct {
	peers sync.Map // of shoal.NodeID to *counts
	known atomic.Int64
}

// maxCounted bounds the counters; peers beyond it are not counted.
const maxCounted = 16 << 10

type counts struct{ in, out atomic.Int64 }

// Sent counts bytes that were sent to a peer.
func (t *Traffic) Sent(peer shoal.NodeID, bytes int) { t.counts(peer).out.Add(int64(bytes)) }

// Received counts bytes that a peer sent.
func (t *Traffic) Received(peer shoal.NodeID, bytes int) { t.counts(peer).in.Add(int64(bytes)) }

// Of returns the bytes that came from a peer, and that went to it.
func (t *Traffic) Of(peer shoal.NodeID) (in, out int64) {
	known, ok := t.peers.Load(peer)
	if !ok {
		return 0, 0
	}
	return known.(*counts).in.Load(), known.(*counts).out.Load()
}

func (t *Traffic) counts(peer shoal.NodeID) *counts {
	if known, ok := t.peers.Load(peer); ok {
		return known.(*counts)
	}
	if t.known.Load() >= maxCounted {
		return new(counts)
	}
	known, loaded := t.peers.LoadOrStore(peer, new(counts))
	if !loaded {
		t.known.Add(1)
	}
	return known.(*counts)
}
