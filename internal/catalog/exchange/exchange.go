// Package exchange brings the journals of the nodes to the same state. Each
// pair of connected nodes keeps one stream, on which both say how far they are,
// ask for what they lack, and pass on at once what they say themselves.
//
// It does not know what the records mean, nor who may be spoken to.
package exchange

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"lukechampine.com/blake3"

	"shoal"
	"shoal/internal/catalog/journal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// When things are said.
const (
	// digestEvery is how often two nodes make sure that they have the same,
	// beside saying at once what is new.
	digestEvery = 30 * time.Second

	// haveDelay is how long news from others is gathered before it is
	// announced: in a small shoal everyone has it from its author by then, and
	// nobody asks (lazy push; Leitao et al., "Epidemic Broadcast Trees",
	// SRDS 2007).
	haveDelay = time.Second

	firstRetry = 500 * time.Millisecond // to open a stream again
	lastRetry  = 30 * time.Second

	writeTimeout = 30 * time.Second
	idleTimeout  = 3 * digestEvery
)

// frameBudget is how many bytes of batches go into one frame, unless one batch
// alone is larger.
const frameBudget = 512 << 10

// Journal is what an exchange needs of a journal.Journal.
type Journal interface {
	Self() shoal.NodeID
	Vector() record.Vector
	Of(ctx context.Context, author shoal.NodeID, after uint64) iter.Seq2[journal.Piece, error]
	Take(ctx context.Context, pieces []journal.Piece) (journal.Taken, error)
}

// Host is what an exchange needs of a network.Host.
type Host interface {
	network.Opener
	ID() shoal.NodeID
}

// Exchange keeps a node's journal and those of its peers alike. Make one with
// New. Its methods are safe for use by many goroutines at once.
type Exchange struct {
	journal Journal
	host    Host
	self    shoal.NodeID
	log     *slog.Logger

	mu       sync.Mutex
	sessions map[*session]bool
	calls    map[shoal.NodeID]context.CancelFunc // streams this node opens
	keeping  sync.WaitGroup
}

// New gives an exchange. log may be nil.
func New(host Host, j Journal, log *slog.Logger) *Exchange {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Exchange{
		journal: j, host: host, self: j.Self(), log: log,
		sessions: make(map[*session]bool), calls: make(map[shoal.NodeID]context.CancelFunc),
	}
}

// News has every peer told that the journal has grown. It does not block.
func (x *Exchange) News() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for s := range x.sessions {
		s.poke()
	}
}

// Serve speaks on a stream that a peer has opened until it or ctx ends.
func (x *Exchange) Serve(ctx context.Context, stream network.Stream) {
	x.log.Debug("log stream ended", "peer", stream.Peer(), "err", x.run(ctx, stream))
}

// Keep keeps a stream to a connected peer until Drop or the end of ctx. Of two
// peers the one with the lower id opens it; for the other Keep does nothing.
func (x *Exchange) Keep(ctx context.Context, peer shoal.NodeID) {
	if x.host.ID() > peer {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, kept := x.calls[peer]; kept {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	x.calls[peer] = cancel
	x.keeping.Go(func() { x.keep(ctx, peer) })
}

// Drop ends the stream to a peer that is gone.
func (x *Exchange) Drop(peer shoal.NodeID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if cancel, kept := x.calls[peer]; kept {
		cancel()
		delete(x.calls, peer)
	}
}

// Close ends the streams this node has opened, and returns when they have ended.
func (x *Exchange) Close() {
	x.mu.Lock()
	for peer, cancel := range x.calls {
		cancel()
		delete(x.calls, peer)
	}
	x.mu.Unlock()
	x.keeping.Wait()
}

func (x *Exchange) keep(ctx context.Context, peer shoal.NodeID) {
	for wait := firstRetry; ctx.Err() == nil; wait = min(2*wait, lastRetry) {
		began := time.Now()
		stream, err := x.host.Open(ctx, peer, wire.LogProtocol)
		if err == nil {
			err = x.run(ctx, stream)
		}
		x.log.Debug("log stream ended", "peer", peer, "err", err)
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// run speaks on a stream until it ends.
func (x *Exchange) run(ctx context.Context, stream network.Stream) error {
	s := &session{x: x, stream: stream, wake: make(chan struct{}, 1), wants: record.Vector{}, theirs: record.Vector{}}
	x.mu.Lock()
	x.sessions[s] = true
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.sessions, s)
		x.mu.Unlock()
	}()
	return s.run(ctx)
}

// digestOf is the hash of a vector's bytes.
func digestOf(v record.Vector) (wire.Digest, error) {
	data, err := v.Append(nil)
	return blake3.Sum256(data), err
}
