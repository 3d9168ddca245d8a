package exchange

import (
	"context"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// write says what there is to say, until the stream or ctx ends.
func (s *session) write(ctx context.Context) error {
	digest := time.NewTicker(digestEvery)
	defer digest.Stop()
	told := s.x.journal.Vector() // what the peer need not be told of any more
	if err := s.sayDigest(told); err != nil {
		return err
	}
	var gathered <-chan time.Time // nil while there is no news
	for {
		if err := s.answer(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wake:
			if gathered == nil {
				gathered = time.After(haveDelay)
			}
		case <-digest.C:
			if err := s.sayDigest(s.x.journal.Vector()); err != nil {
				return err
			}
		case <-gathered:
			gathered = nil
			now := s.x.journal.Vector()
			if err := s.sayNews(now, told); err != nil {
				return err
			}
			told = now
		}
	}
}

func (s *session) sayDigest(v record.Vector) error {
	digest, err := digestOf(v)
	if err != nil {
		return err
	}
	return s.send(digest.Append(nil))
}

// answer says all that was asked for, and what this node itself has said.
func (s *session) answer(ctx context.Context) error {
	s.mu.Lock()
	asks, telling := s.asks, s.telling
	s.asks, s.telling = nil, false
	s.mu.Unlock()
	if telling {
		if err := s.sayVector(wire.TypeHave, s.x.journal.Vector()); err != nil {
			return err
		}
	}
	if asks != nil {
		if err := s.sayVector(wire.TypeWant, asks); err != nil {
			return err
		}
	}
	for {
		author, after, ok := s.nextWant()
		if !ok {
			return nil
		}
		if err := s.give(ctx, author, after); err != nil {
			return err
		}
	}
}

// nextWant is an author the peer is to be given batches of: first what it asked
// for, then what this node has said since the peer last had it all.
func (s *session) nextWant() (author shoal.NodeID, after uint64, ok bool) {
	ours := s.x.journal.Vector()[s.x.self]
	s.mu.Lock()
	defer s.mu.Unlock()
	for author, after := range s.wants {
		delete(s.wants, author)
		return author, after, true
	}
	theirs := s.theirs[s.x.self]
	return s.x.self, theirs, s.met && theirs < ours
}

// give sends an author's batches after a number.
func (s *session) give(ctx context.Context, author shoal.NodeID, after uint64) error {
	var batches []wire.Batch
	size, upto := 0, s.x.journal.Vector()[author]
	flush := func() error {
		if len(batches) == 0 {
			return nil
		}
		err := s.send(wire.AppendBatches(nil, batches))
		batches, size = nil, 0
		return err
	}
	for piece, err := range s.x.journal.Of(ctx, author, after) {
		if err != nil {
			return fmt.Errorf("give batches: %w", err)
		}
		b := wire.Batch(piece)
		if len(batches) == wire.MaxBatches || size > 0 && size+wire.BatchSize(b) > frameBudget {
			if err := flush(); err != nil {
				return err
			}
		}
		batches, size = append(batches, b), size+wire.BatchSize(b)
	}
	if err := flush(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.theirs[author] = max(s.theirs[author], upto)
	return nil
}

// sayNews announces the authors that have come further since told, but for what
// the peer is known to have.
func (s *session) sayNews(now, told record.Vector) error {
	news := make(record.Vector)
	s.mu.Lock()
	for author, seq := range now {
		if seq > told[author] && seq > s.theirs[author] {
			news[author] = seq
		}
	}
	s.mu.Unlock()
	if len(news) == 0 {
		return nil
	}
	return s.sayVector(wire.TypeHave, news)
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
