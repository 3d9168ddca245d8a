package ask

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/network"
)

// errBusy is told to the log when a question is refused for the others that are
// being answered.
var errBusy = errors.New("too many questions at once")

// Server answers the questions of one kind. Its methods are safe for use by many
// goroutines at once.
type Server struct {
	kind      Kind
	limit     int64
	answer    func(context.Context, Question) ([]byte, error)
	log       *slog.Logger
	answering atomic.Int64
}

// NewServer returns a server that answers at most limit questions at once; it drops
// the streams of the others. answer returns the whole frame of the answer; its
// context ends after the kind's timeout. log is told at the debug level of
// questions that were not answered.
func NewServer(kind Kind, limit int, log *slog.Logger, answer func(context.Context, Question) ([]byte, error)) *Server {
	return &Server{kind: kind, limit: int64(limit), answer: answer, log: log}
}

// Question is the question of a peer.
type Question struct {
	From shoal.NodeID
	Body []byte // of the frame; foreign bytes

	stream network.Stream
}

// Serve answers the one question on a stream, and closes or resets the stream. It
// blocks for at most about twice the kind's timeout, unless answer ignores the end
// of its context.
func (s *Server) Serve(ctx context.Context, stream network.Stream) {
	err := s.serve(ctx, stream)
	if err == nil {
		err = stream.Close()
	}
	if err != nil {
		s.log.Debug("question not answered", "protocol", s.kind.Protocol, "peer", stream.Peer(), "err", err)
		stream.Reset()
	}
}

func (s *Server) serve(ctx context.Context, stream network.Stream) error {
	if err := stream.SetDeadline(time.Now().Add(s.kind.Timeout)); err != nil {
		return err
	}
	body, err := readFrame(stream, s.kind.Question, maxQuestion)
	if err != nil {
		return fmt.Errorf("read the question: %w", err)
	}
	defer s.answering.Add(-1) // counted from here on: a silent peer takes nobody's place
	if s.answering.Add(1) > s.limit {
		return errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, s.kind.Timeout)
	defer cancel()
	answer, err := s.answer(ctx, Question{From: stream.Peer(), Body: body, stream: stream})
	if err != nil {
		return err
	}
	_, err = stream.Write(answer)
	return err
}

// Listening returns a context that ends when ctx does, or when the asker hangs up or
// says more. The caller calls stop before it returns its answer; stop blocks until
// nobody reads the stream.
func (q Question) Listening(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		_, _ = q.stream.Read(make([]byte, 1)) // the asker sends nothing as long as it waits
	})
	return ctx, func() {
		_ = q.stream.SetReadDeadline(time.Now()) // ends the read; a stream that fails here fails again when it is written to
		reading.Wait()
		cancel()
	}
}
