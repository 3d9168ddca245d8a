// Package fetch gets a file from many sources at once. It is the one engine
// for every kind of fetch: a download, a stream, and later replication and
// repair. Each fetch is a loop in one goroutine that owns all its state; around
// it, a reader and a writer for each source and one writer to the target, which
// pass it messages, and a herald that tells the watcher.
//
// It verifies every chunk before it lets go of it. It does not find sources,
// choose where chunks are kept, or decide what should be fetched.
package fetch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// Bounds of one fetch.
const (
	// BufferBytes bounds the bytes of all fetches of an engine that are
	// received and not yet written (anacrolix/torrent's MaxUnverifiedBytes).
	BufferBytes = 64 << 20

	// MaxSources are asked at once. Ten were enough for 60 % of line rate in
	// kraken's swarms.
	MaxSources = 64

	// MaxCandidates are remembered beside them.
	MaxCandidates = 256

	// MaxTold is how many of them one source may name, and MaxHearsay how many
	// of those that only a source has named are dialled at once.
	MaxTold    = wire.MaxPeers
	MaxHearsay = 16

	// MaxTries is how often a source is dialled that gave nothing in between.
	MaxTries = 5

	// MaxListAsked is how many sources are asked for the hash list at once.
	MaxListAsked = 2

	// MaxOrphans is how many half-received chunks of lost sources are kept
	// for others to finish.
	MaxOrphans = 8
)

// Patience of a fetch.
const (
	DialTimeout    = 10 * time.Second
	WelcomeTimeout = 15 * time.Second // for each frame from hello to the bitmap
	ListTimeout    = 10 * time.Minute // for all of them
	FirstRetry     = 250 * time.Millisecond
	LastRetry      = 15 * time.Second

	// DefaultPatience is how long a fetch goes on when nothing arrives and
	// nothing can be asked for.
	DefaultPatience = 20 * time.Second

	// beat is how often idle sources are offered work again, snubbed ones
	// found out, and progress is told.
	beat         = 50 * time.Millisecond
	progressBeat = 200 * time.Millisecond
)

// Target is where a fetch puts what it got. Its methods block for I/O and are
// called by one goroutine at a time.
type Target interface {
	// Has tells what is there already; it is not fetched again.
	Has() content.Bitmap
	// Put writes one verified chunk, after which it can be read.
	Put(ctx context.Context, index int, data []byte) error
	// Settle makes what was put durable, and is called once, at the end. whole
	// says that nothing is missing any more.
	Settle(ctx context.Context, whole bool) error
}

// RunTarget is a Target that can write adjacent chunks, from the first on, in one
// go. After an error none counts as written.
type RunTarget interface {
	Target
	PutRun(ctx context.Context, first int, chunks [][]byte) error
}

// Config is what an engine needs. Dial must be given.
type Config struct {
	// Dial opens a stream for wire.ChunkProtocol to a peer.
	Dial func(ctx context.Context, peer shoal.NodeID) (transfer.Stream, error)

	// Learn is told where peers may be reached, as a source, the teller, says.
	Learn func(teller, peer shoal.NodeID, addrs []string)

	// Received is told of every payload read. It must not block.
	Received func(peer shoal.NodeID, bytes int)

	// Self is this node, which is no source.
	Self shoal.NodeID

	Board *transfer.Board
	Bans  *transfer.Bans
	Log   *slog.Logger
}

// Engine runs fetches that share a budget of memory. Its methods are safe for
// use by many goroutines.
type Engine struct {
	cfg     Config
	buffers *transfer.Buffers
	hashers sync.Pool    // of *content.ChunkHasher
	hoarded atomic.Int64 // bytes of the buffers, held by slow sources and by nobody
	waited  atomic.Int64 // fetches running that somebody waits for
}

// New returns an engine.
func New(cfg Config) *Engine {
	if cfg.Learn == nil {
		cfg.Learn = func(shoal.NodeID, shoal.NodeID, []string) {}
	}
	if cfg.Received == nil {
		cfg.Received = func(shoal.NodeID, int) {}
	}
	if cfg.Board == nil {
		cfg.Board = new(transfer.Board)
	}
	if cfg.Bans == nil {
		cfg.Bans = new(transfer.Bans)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{cfg: cfg, buffers: transfer.NewBuffers(BufferBytes)}
}

// Task is one file to fetch.
type Task struct {
	File shoal.FileID

	// Known is the file's shape and hash list, if they are here already and
	// verified; else they are asked of the first sources.
	Known *content.File

	// SizeHint is what someone said the file's size is; -1 if nobody did. A
	// small file is asked for in the same breath as its hash list.
	SizeHint int64

	// Size is what the caller knows the file's size to be, from a link or a
	// signed entry; 0 or less if it does not, and of an empty file the id says
	// it. Sources that say another are parted with.
	Size int64

	// Open is called once, when the file's shape is known and proven, and
	// gives the place for its chunks.
	Open func(ctx context.Context, file content.File) (Target, error)

	// Demand makes a fetch that gets only what Want asks for, and goes on
	// until ctx ends.
	Demand bool

	// Background says that nobody waits for it. Sources serve others first, and
	// while this engine runs a fetch that is not in the background, each is asked
	// for one chunk at a time.
	Background bool

	// Sources are asked from the start; more may be added with AddSource.
	Sources []shoal.NodeID

	// Sure says that the first of them has the file. A small one is asked of it
	// alone, and of others if it does not come at once.
	Sure bool

	// Only says that nobody but the sources is asked, whoever else is heard of.
	Only bool

	// Searching says that more sources are being looked for: before SearchOver
	// is called the fetch does not give up just because none is left.
	Searching bool

	// Patience replaces DefaultPatience.
	Patience time.Duration

	// Watch is told what happens, one thing after the other, and is not called
	// any more once Wait returns. While it does not return, progress is told as
	// far as it has come by then, and much else is forgotten; the fetch goes on.
	// Seq, Item and Name are for the caller to fill in.
	Watch func(shoal.Event)
}

// Fetch is a running or finished fetch. Its methods are safe for use by many
// goroutines.
type Fetch struct {
	inbox chan message
	ended chan struct{} // closed when the loop has ended

	// set before ended is closed
	stats shoal.Stats
	err   error
}

// message is something the loop is told. apply runs in the loop.
type message interface{ apply(l *loop) }

// Start starts a fetch, which ends when all is written and settled, when it
// cannot go on, or with ctx.
func (e *Engine) Start(ctx context.Context, task Task) *Fetch {
	f := &Fetch{inbox: make(chan message, 64), ended: make(chan struct{})}
	if !task.Background {
		e.waited.Add(1)
	}
	go func() {
		defer close(f.ended)
		if !task.Background {
			defer e.waited.Add(-1)
		}
		f.stats, f.err = newLoop(e, f, task).run(ctx)
	}()
	return f
}

// Wait blocks until the fetch has ended and tells how. The stats are of what
// was done even if it failed. Errors: shoal.NotFound if nobody has the file,
// shoal.Network if sources were lost, shoal.NoSpace and others of the Target's,
// shoal.Interrupted when ctx was cancelled.
func (f *Fetch) Wait() (shoal.Stats, error) {
	<-f.ended
	return f.stats, f.err
}

// Done is closed when the fetch has ended.
func (f *Fetch) Done() <-chan struct{} { return f.ended }

// AddSource has one more peer asked.
func (f *Fetch) AddSource(peer shoal.NodeID) { f.tell(sourceFound{peer}) }

// SearchOver says that no more sources are being looked for. See Task.
func (f *Fetch) SearchOver() { f.tell(searchOver{}) }

// Want has count chunks from first on fetched before all others, in order, and
// in a Task with Demand at all. Each call replaces the order of the last one.
func (f *Fetch) Want(first, count int) { f.tell(wanted{first, count}) }

// tell passes a message to the loop, and drops it when the loop has ended.
func (f *Fetch) tell(m message) bool {
	select {
	case f.inbox <- m:
		return true
	case <-f.ended:
		return false
	}
}

// Run is Start and Wait.
func (e *Engine) Run(ctx context.Context, task Task) (shoal.Stats, error) {
	return e.Start(ctx, task).Wait()
}
