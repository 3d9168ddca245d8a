package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"shoal"
	"shoal/internal/catalog/journal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// session is one stream: a goroutine reads what the peer says and notes what is
// to be answered, another writes. So a slow peer costs one frame of memory,
// however much is new.
type session struct {
	x      *Exchange
	stream network.Stream
	wake   chan struct{} // holds an element when there may be something to write

	mu      sync.Mutex
	wants   record.Vector // what the peer asked for, from where
	asks    record.Vector // what is to be asked for: nil if nothing
	telling bool          // the whole vector is to be sent
	met     bool          // the peer has said how far it is
	theirs  record.Vector // how far the peer is known to have each author
}

// poke wakes the writer.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run speaks until the stream or ctx ends.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, s.stream.Reset)
	defer stop()
	var reading sync.WaitGroup
	reading.Go(func() { cancel(s.read(ctx)) })
	err := s.write(ctx)
	cancel(err)
	s.stream.Reset()
	reading.Wait()
	return context.Cause(ctx)
}

// read takes in what the peer says.
func (s *session) read(ctx context.Context) error {
	var head [wire.HeaderSize]byte
	for {
		if err := s.stream.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
			return err
		}
		h, err := wire.ReadHeader(s.stream, &head)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		body, err := wire.ReadBody(s.stream, h, nil)
		if err != nil {
			return err
		}
		if err := s.hear(ctx, h.Type, body); err != nil {
			return err
		}
		s.poke()
	}
}

// hear takes in one frame.
func (s *session) hear(ctx context.Context, t wire.Type, body []byte) error {
	switch t {
	case wire.TypeDigest:
		return s.hearDigest(body)
	case wire.TypeHave:
		theirs, err := wire.ParseVector(body)
		if err == nil {
			s.hearHave(theirs)
		}
		return err
	case wire.TypeWant:
		wants, err := wire.ParseVector(body)
		if err == nil {
			s.hearWant(wants)
		}
		return err
	case wire.TypeBatches:
		return s.hearBatches(ctx, body)
	default:
		if t >= wire.FirstOptional {
			return nil
		}
		return fmt.Errorf("%w: frame %d on a log stream", wire.ErrMalformed, t)
	}
}

func (s *session) hearDigest(body []byte) error {
	theirs, err := wire.ParseDigest(body)
	if err != nil {
		return err
	}
	vector := s.x.journal.Vector()
	ours, err := digestOf(vector)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ours == theirs {
		s.met, s.theirs = true, vector
	} else {
		s.telling = true
	}
	return nil
}

// hearHave notes how far the peer is, and asks for what it has and this node
// lacks.
func (s *session) hearHave(theirs record.Vector) {
	ours := s.x.journal.Vector()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met = true
	for author, seq := range theirs {
		s.theirs[author] = max(s.theirs[author], seq)
		if seq > ours[author] {
			s.ask(author, ours[author])
		}
	}
}

// ask notes that an author's batches are to be asked for. The caller holds mu.
// A vector leaves out what is zero, so "from the start" is said by asking for
// what comes after the number before all numbers: one more than is meant.
func (s *session) ask(author shoal.NodeID, after uint64) {
	if s.asks == nil {
		s.asks = record.Vector{}
	}
	s.asks[author] = after + 1
}

func (s *session) hearWant(wants record.Vector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for author, from := range wants {
		s.wants[author] = from - 1
	}
}

// hearBatches takes batches into the journal.
func (s *session) hearBatches(ctx context.Context, body []byte) error {
	batches, err := wire.ParseBatches(body)
	if err != nil {
		return err
	}
	pieces := make([]journal.Piece, len(batches))
	last := make(record.Vector)
	for i, b := range batches {
		pieces[i] = journal.Piece(b)
		if parsed, err := record.Parse(b.Data); err == nil {
			last[parsed.Author] = max(last[parsed.Author], parsed.Seq)
		}
	}
	taken, err := s.x.journal.Take(ctx, pieces)
	if err != nil {
		return err
	}
	if taken.PutOff > 0 {
		s.x.log.Debug("batches put off", "peer", s.stream.Peer(), "batches", taken.PutOff, "reason", taken.Reason)
	}
	s.noteTaken(last, taken)
	return nil
}

// noteTaken notes that the peer has what it sent, and asks again for what was
// put off if what was taken may have changed that.
func (s *session) noteTaken(sent record.Vector, taken journal.Taken) {
	ours := s.x.journal.Vector()
	s.mu.Lock()
	defer s.mu.Unlock()
	for author, seq := range sent {
		s.theirs[author] = max(s.theirs[author], seq)
		if seq > ours[author] && (taken.New > 0 || errors.Is(taken.Reason, journal.ErrGap)) {
			s.ask(author, ours[author])
		}
	}
}
