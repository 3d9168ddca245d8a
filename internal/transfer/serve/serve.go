// Package serve answers peers that fetch from this node: it is the other end of
// package fetch. It is fair between them, holds bounded memory for each, and
// sends only bytes that were verified when they were read.
//
// It decides nothing about who may connect or what should be stored.
package serve

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// Bounds on what peers can make a server hold.
const (
	MaxSessions     = 1024     // at once, of all peers
	MaxPeerSessions = 64       // at once, of one peer
	MaxQueued       = 1024     // requests of one session that wait to be answered
	MaxControl      = 64 << 10 // bytes of refusals a peer may leave unread
	MaxAsk          = 1 << 10  // bytes of a frame's body that an asker may send
	BufferBytes     = 64 << 20
	PeerShare       = 4  // one peer's chunks may hold 1/PeerShare of BufferBytes
	CrowdedShare    = 16 // and those that begin while others wait, 1/CrowdedShare

	// BurstBytes is how far the upload limit may be overshot for a moment: a
	// Data frame has to fit.
	BurstBytes = wire.MaxPayload
)

// Patience with peers.
const (
	HelloTimeout = 10 * time.Second // for the first frame (libtorrent's handshake timeout)
	WriteTimeout = time.Minute      // for the peer to take one frame
	IdleTimeout  = 10 * time.Minute // without a frame from the peer
)

// Library is what there is to serve; a storage.Reader has it. Get verifies.
type Library interface {
	File(ctx context.Context, id shoal.FileID) (content.File, error)
	Has(ctx context.Context, id shoal.FileID) (content.Bitmap, error)
	Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error)
}

// Config is what a server needs. Only Library must be given.
type Config struct {
	Library Library
	Board   *transfer.Board   // what running fetches have beside the library
	Tracker *transfer.Tracker // who else is after the files

	// AddrsOf tells where a peer may be reached, for the Tracker's answers.
	AddrsOf func(shoal.NodeID) []string

	// UploadLimit is in bytes per second over all peers; 0 is none.
	UploadLimit int64

	// Sent is told of every payload written. It must not block.
	Sent func(peer shoal.NodeID, bytes int)

	Log *slog.Logger
}

// Server serves sessions. Its methods are safe for use by many goroutines.
type Server struct {
	cfg     Config
	memory  *memory
	files   files
	limiter *rate.Limiter
	turns   *turns
	lanes   *lanes

	mu    sync.Mutex // guards the rest; held for no I/O
	total int
	peers map[shoal.NodeID]*peer
}

// peer is what all sessions of one peer share.
type peer struct {
	sessions int

	// Bytes of chunks being sent to it, begun while nobody waited for memory or
	// while somebody did.
	wide, narrow *semaphore.Weighted
}

// New returns a server.
func New(cfg Config) *Server {
	if cfg.Board == nil {
		cfg.Board = new(transfer.Board)
	}
	if cfg.Tracker == nil {
		cfg.Tracker = new(transfer.Tracker)
	}
	if cfg.AddrsOf == nil {
		cfg.AddrsOf = func(shoal.NodeID) []string { return nil }
	}
	if cfg.Sent == nil {
		cfg.Sent = func(shoal.NodeID, int) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	limit := rate.Inf
	if cfg.UploadLimit > 0 {
		limit = rate.Limit(cfg.UploadLimit)
	}
	return &Server{
		cfg:     cfg,
		memory:  newMemory(),
		files:   files{library: cfg.Library, open: make(map[shoal.FileID]*openFile)},
		limiter: rate.NewLimiter(limit, BurstBytes),
		turns:   newTurns(runtime.GOMAXPROCS(0)),
		lanes:   newLanes(cfg.UploadLimit),
		peers:   make(map[shoal.NodeID]*peer),
	}
}

// Sessions is how many sessions are being served.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// Serve serves one session: the stream a peer has opened for
// wire.ChunkProtocol. It returns when the session is over, or ctx is, and has
// closed the stream.
func (s *Server) Serve(ctx context.Context, stream transfer.Stream) {
	who := stream.Peer()
	shared := s.admit(who)
	if shared == nil {
		refuse(stream, wire.ReasonBusy, "too many sessions")
		return
	}
	defer s.leave(who)
	session := newSession(s, stream, shared)
	if err := session.run(ctx); err != nil {
		s.cfg.Log.Debug("session ended", "peer", who, "file", session.file.ID, "err", err)
	}
}

func (s *Server) admit(who shoal.NodeID) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[who]
	if p == nil {
		p = &peer{wide: semaphore.NewWeighted(BufferBytes / PeerShare), narrow: semaphore.NewWeighted(BufferBytes / CrowdedShare)}
		s.peers[who] = p
	}
	if s.total >= MaxSessions || p.sessions >= MaxPeerSessions {
		return nil
	}
	s.total++
	p.sessions++
	return p
}

func (s *Server) leave(who shoal.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if p := s.peers[who]; p != nil {
		if p.sessions--; p.sessions == 0 {
			delete(s.peers, who)
		}
	}
}

// refuse says goodbye on a stream on which nothing else has been said.
func refuse(stream transfer.Stream, reason wire.Reason, text string) {
	if stream.SetWriteDeadline(time.Now().Add(HelloTimeout)) == nil {
		_, err := stream.Write(wire.Goodbye{Reason: reason, Text: text}.Append(nil))
		if err == nil && stream.Close() == nil {
			return
		}
	}
	stream.Reset()
}
