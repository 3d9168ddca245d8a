package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// session is one stream: one peer, one file. Its reader is the goroutine that
// called run; its writer is one more, and they meet in the queue.
type session struct {
	server     *Server
	stream     transfer.Stream
	shared     *peer
	queue      *queue
	file       content.File
	background bool // nobody waits for it
	watch      *transfer.Watch
	said       content.Bitmap // which chunks the peer has been told we have
	held       held           // the writer's own, as is ahead
	ahead      *ahead         // nil if nothing is read ahead
}

func newSession(server *Server, stream transfer.Stream, shared *peer) *session {
	return &session{server: server, stream: stream, shared: shared, queue: newQueue()}
}

// errBye is how a session ends that the peer has ended properly.
var errBye = errors.New("goodbye")

// run serves the session to its end.
func (s *session) run(ctx context.Context) error {
	hello, err := s.readHello()
	if err != nil {
		s.stream.Reset()
		return err
	}
	s.watch = s.server.cfg.Board.Watch(hello.File)
	defer s.watch.Close()
	if err := s.greet(ctx, hello); err != nil {
		return err
	}
	return s.talk(ctx)
}

// greet answers a hello. If it fails, the stream has ended.
func (s *session) greet(ctx context.Context, hello wire.Hello) error {
	s.file.ID, s.background = hello.File, hello.Background
	known := false
	err := s.server.files.with(ctx, hello.File, func(file content.File) error {
		known, s.file = true, file
		defer func() { s.file.List = nil }()
		return s.welcome(ctx, hello)
	})
	switch {
	case err == nil:
	case known:
		s.stream.Reset()
	default:
		s.server.cfg.Tracker.Hear(hello.File, s.stream.Peer())
		refuse(s.stream, reasonFor(err), "")
	}
	return err
}

// talk runs reader and writer until one of them ends, and then the other.
func (s *session) talk(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, s.stream.Reset)()
	written := make(chan error, 1)
	go func() {
		written <- s.write(ctx)
		s.stream.Reset() // wakes the reader
	}()
	err := s.read()
	cancel() // resets the stream too, which wakes the writer
	if werr := <-written; !errors.Is(err, errBye) && werr != nil && !errors.Is(werr, context.Canceled) {
		err = werr
	}
	if errors.Is(err, errBye) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *session) readHello() (wire.Hello, error) {
	if err := s.stream.SetReadDeadline(time.Now().Add(HelloTimeout)); err != nil {
		return wire.Hello{}, fmt.Errorf("wait for hello: %w", err)
	}
	var head [wire.HeaderSize]byte
	h, err := wire.ReadHeader(s.stream, &head)
	if err != nil {
		return wire.Hello{}, fmt.Errorf("read hello: %w", err)
	}
	if h.Type != wire.TypeHello {
		return wire.Hello{}, fmt.Errorf("%w: frame %d before hello", wire.ErrMalformed, h.Type)
	}
	if h.Length > MaxAsk {
		return wire.Hello{}, fmt.Errorf("%w: hello of %d bytes", wire.ErrMalformed, h.Length)
	}
	body, err := wire.ReadBody(s.stream, h, nil)
	if err != nil {
		return wire.Hello{}, err
	}
	return wire.ParseHello(body)
}

// welcome tells the peer the file's shape, what of it is here, and who else is
// after it.
func (s *session) welcome(ctx context.Context, hello wire.Hello) error {
	have, err := s.server.cfg.Library.Has(ctx, s.file.ID)
	if err != nil {
		return fmt.Errorf("look up chunks: %w", err)
	}
	s.server.cfg.Board.AddPosted(s.file.ID, &have)
	s.said = have
	version := min(hello.Version, wire.Version)
	frames := wire.Welcome{Version: version, Size: s.file.Size, ChunkSize: s.file.ChunkSize}.Append(nil)
	if hello.WantList {
		if frames, err = s.list(frames); err != nil {
			return err
		}
	}
	frames = wire.AppendHave(frames, have)
	frames = s.introduce(frames)
	return s.send(frames)
}

// list sends frames and the hash list but for its last frame, which it returns,
// so that what follows can go with it. No more than a frame of it is copied.
func (s *session) list(frames []byte) ([]byte, error) {
	for first := 0; first < len(s.file.List); first += wire.MaxListCVs {
		if first > 0 {
			if err := s.send(frames); err != nil {
				return nil, err
			}
			frames = frames[:0]
		}
		frames = wire.AppendListPart(frames, s.file.List, first)
	}
	return frames, nil
}

// introduce remembers the peer, and appends who else is after the file: in this
// order, so that of two who come at once at least one hears of the other.
func (s *session) introduce(frames []byte) []byte {
	cfg, now := s.server.cfg, time.Now()
	cfg.Tracker.Note(s.file.ID, s.stream.Peer(), now)
	var peers wire.Peers
	for _, other := range cfg.Tracker.Others(s.file.ID, s.stream.Peer(), wire.MaxPeers, now) {
		if addrs := cfg.AddrsOf(other); len(addrs) > 0 {
			peers.Peers = append(peers.Peers, wire.PeerAddr{Node: other, Addrs: addrs})
		}
	}
	if len(peers.Peers) == 0 {
		return frames
	}
	return peers.Append(frames)
}

// read takes the peer's frames until it says goodbye or breaks off.
func (s *session) read() error {
	var head [wire.HeaderSize]byte
	var scratch []byte
	for {
		if err := s.stream.SetReadDeadline(time.Now().Add(IdleTimeout)); err != nil {
			return fmt.Errorf("wait for a frame: %w", err)
		}
		h, err := wire.ReadHeader(s.stream, &head)
		if err != nil {
			return err
		}
		if h.Length > MaxAsk {
			return fmt.Errorf("%w: frame %d of %d bytes from an asker", wire.ErrMalformed, h.Type, h.Length)
		}
		if scratch, err = wire.ReadBody(s.stream, h, scratch); err != nil {
			return err
		}
		if err := s.handle(h.Type, scratch); err != nil {
			return err
		}
	}
}

// handle takes one frame of the peer's.
func (s *session) handle(t wire.Type, body []byte) error {
	switch {
	case t == wire.TypeRequest:
		m, err := wire.ParseRequest(body)
		if err != nil {
			return err
		}
		return s.request(m.Span)
	case t == wire.TypeCancel:
		m, err := wire.ParseCancel(body)
		if err != nil {
			return err
		}
		s.queue.cancel(m.Span)
		return nil
	case t == wire.TypeGoodbye:
		return errBye
	case t >= wire.FirstOptional:
		return nil
	}
	return fmt.Errorf("%w: frame %d from an asker", wire.ErrMalformed, t)
}

// request queues a span, if there can be such a one. An empty file has no
// first chunk, which a peer may have asked for before it knew.
func (s *session) request(span wire.Span) error {
	if s.file.Size == 0 {
		s.queue.reject(span, wire.ReasonAbsent)
		return nil
	}
	if span.Chunk >= s.file.Chunks() {
		return fmt.Errorf("%w: request outside the file", wire.ErrMalformed)
	}
	if length := s.file.ChunkLen(span.Chunk); span.Offset >= length || span.Offset+span.Length > length {
		return fmt.Errorf("%w: request outside the chunk", wire.ErrMalformed)
	}
	return s.queue.ask(span)
}

// reasonFor tells a peer what our own error means for it.
func reasonFor(err error) wire.Reason {
	if errors.Is(err, shoal.NotFound) || errors.Is(err, shoal.Integrity) {
		return wire.ReasonAbsent
	}
	return wire.ReasonFault
}
