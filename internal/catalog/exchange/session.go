package exchange

import (
	"context"
	"fmt"
	"sync"
	"time"

	"shoal/internal/catalog/gossip"
	"shoal/internal/journal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// session is one stream: a goroutine reads what the peer says, another writes
// what there is to say. So a slow peer costs one frame of memory, however much is
// new.
type session struct {
	x      *Exchange
	stream network.Stream
	wake   chan struct{}   // holds an element when there may be something to write
	talk   *gossip.Session // guarded by x.mu
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
		theirs, err := wire.ParseDigest(body)
		if err != nil {
			return err
		}
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		defer s.x.stir()
		return s.talk.HearDigest(gossip.Digest(theirs))
	case wire.TypeHave, wire.TypeWant:
		return s.hearVector(t, body)
	case wire.TypeBatches:
		return s.hearBatches(ctx, body)
	default:
		if t >= wire.FirstOptional {
			return nil
		}
		return fmt.Errorf("%w: frame %d on a log stream", wire.ErrMalformed, t)
	}
}

func (s *session) hearVector(t wire.Type, body []byte) error {
	v, err := wire.ParseVector(body)
	if err != nil {
		return err
	}
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	defer s.x.stir()
	if t == wire.TypeHave {
		s.talk.HearHave(gossip.Have(v))
	} else {
		s.talk.HearWant(gossip.Want(v))
	}
	return nil
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
	admitted := s.x.admissions()
	taken, err := s.x.journal.Take(ctx, pieces)
	if err != nil {
		return err
	}
	if taken.PutOff > 0 {
		s.x.log.Debug("batches put off", "peer", s.stream.Peer(), "batches", taken.PutOff, "reason", taken.Reason)
	}
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	defer s.x.stir()
	s.talk.Took(time.Now(), last, taken.Again(), admitted)
	return nil
}

// write says what there is to say, until the stream or ctx ends.
func (s *session) write(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		said, wait, err := s.next()
		if err != nil {
			return err
		}
		if said != nil {
			if err := s.say(ctx, said); err != nil {
				return err
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// next is what to say now, or how long to wait if that is nothing.
func (s *session) next() (said any, wait time.Duration, err error) {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	now := time.Now()
	said, err = s.talk.Next(now)
	return said, s.talk.Wake().Sub(now), err
}

// say writes one message.
func (s *session) say(ctx context.Context, said any) error {
	switch said := said.(type) {
	case gossip.Digest:
		return s.send(wire.Digest(said).Append(nil))
	case gossip.Have:
		return s.sayVector(wire.TypeHave, record.Vector(said))
	case gossip.Want:
		return s.sayVector(wire.TypeWant, record.Vector(said))
	case gossip.Give:
		return s.give(ctx, said)
	default:
		return fmt.Errorf("no frame for %T", said)
	}
}

// give sends batches, as many in a frame as fit.
func (s *session) give(ctx context.Context, parts gossip.Give) error {
	f := frame{send: s.send}
	upto := make(record.Vector, len(parts))
	for _, part := range parts {
		upto[part.Author] = s.x.journal.Upto(part.Author)
		for piece, err := range s.x.journal.Of(ctx, part.Author, part.After) {
			if err != nil {
				return fmt.Errorf("give batches: %w", err)
			}
			if err := f.add(wire.Batch(piece)); err != nil {
				return err
			}
		}
	}
	if err := f.flush(); err != nil {
		return err
	}
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	for author, seq := range upto {
		s.talk.Gave(author, seq)
	}
	return nil
}

// frame gathers batches.
type frame struct {
	send    func([]byte) error
	batches []wire.Batch
	size    int
}

func (f *frame) add(b wire.Batch) error {
	if len(f.batches) == wire.MaxBatches || f.size > 0 && f.size+wire.BatchSize(b) > frameBudget {
		if err := f.flush(); err != nil {
			return err
		}
	}
	f.batches, f.size = append(f.batches, b), f.size+wire.BatchSize(b)
	return nil
}

func (f *frame) flush() error {
	if len(f.batches) == 0 {
		return nil
	}
	err := f.send(wire.AppendBatches(nil, f.batches))
	f.batches, f.size = nil, 0
	return err
}

func (s *session) sayVector(t wire.Type, v record.Vector) error {
	frame, err := wire.AppendVector(nil, t, v)
	if err != nil {
		return err
	}
	return s.send(frame)
}

func (s *session) send(frame []byte) error {
	if err := s.stream.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.stream.Write(frame); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
