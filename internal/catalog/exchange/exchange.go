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

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/journal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

// The limits of a stream.
const (
	firstRetry = 500 * time.Millisecond // to open it again
	lastRetry  = 30 * time.Second

	writeTimeout = 30 * time.Second
	idleTimeout  = 3 * gossip.DigestEvery
)

// frameBudget is how many bytes of batches go into one frame, unless one batch
// alone is larger.
const frameBudget = 512 << 10

// Journal is what an exchange needs of a journal.Journal.
type Journal interface {
	gossip.Journal
	Self() shoal.NodeID
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
	log     *slog.Logger

	mu       sync.Mutex
	heard    chan struct{} // closed when a peer has said something; nil if nobody waits for it
	gossip   *gossip.Node
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
		journal: j, host: host, log: log,
		gossip: gossip.New(j.Self(), j), sessions: make(map[*session]bool), calls: make(map[shoal.NodeID]context.CancelFunc),
	}
}

// News has every peer told that the journal has grown by these. It does not block.
func (x *Exchange) News(items []journal.Item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now, told := time.Now(), make(map[shoal.NodeID]bool)
	for _, item := range items {
		if !told[item.Author] {
			told[item.Author] = true
			x.gossip.Grew(now, item.Author)
		}
	}
	for s := range x.sessions {
		s.poke()
	}
}

// Admitted has what was put off asked for again, for others are let in now than
// before. It does not block.
func (x *Exchange) Admitted() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gossip.Admitted()
	for s := range x.sessions {
		s.poke()
	}
}

// admissions is how often others were let in so far.
func (x *Exchange) admissions() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.gossip.Admissions()
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

// Recall waits until enough peers have said how far they are, or patience has
// passed; and then until all who are connected have, and this node has all that
// they heard from it. Errors: the cause of ctx's end.
func (x *Exchange) Recall(ctx context.Context, enough int, patience time.Duration) error {
	late := time.After(patience)
	for {
		met, sure, heard := x.Own()
		if met >= enough && sure {
			return nil
		}
		select {
		case <-heard:
		case <-late:
			enough = 0
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Own is how many peers have said how far they are, and whether all who are connected
// have, none with more of this node's own batches than it has itself. heard is
// closed when that may have changed.
func (x *Exchange) Own() (met int, sure bool, heard <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.heard == nil {
		x.heard = make(chan struct{})
	}
	met, sure = x.gossip.Own()
	return met, sure, x.heard
}

// stir wakes Recall. The caller holds mu.
func (x *Exchange) stir() {
	if x.heard != nil {
		close(x.heard)
		x.heard = nil
	}
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
	s := x.meet(stream)
	defer x.part(s)
	return s.run(ctx)
}

func (x *Exchange) meet(stream network.Stream) *session {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := &session{x: x, stream: stream, wake: make(chan struct{}, 1), talk: x.gossip.Meet(time.Now())}
	x.sessions[s] = true
	return s
}

// part ends a session. What its peer was asked for is asked of others.
func (x *Exchange) part(s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s.talk.End()
	x.stir()
	delete(x.sessions, s)
	for other := range x.sessions {
		other.poke()
	}
}
