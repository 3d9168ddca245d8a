package heartbeat

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

// sender sends messages to one peer, on a stream that is opened when there is
// something to send. What cannot be sent soon is dropped: the next message says
// it better.
type sender struct {
	r       *Runner
	peer    shoal.NodeID
	unsent  chan *liveness.Message
	ended   chan struct{}
	ending  sync.Once
	stopped chan struct{}
}

func (r *Runner) senderOf(ctx context.Context, peer shoal.NodeID) *sender {
	s := r.senders[peer]
	if s == nil {
		s = &sender{r: r, peer: peer, unsent: make(chan *liveness.Message, maxUnsent), ended: make(chan struct{}), stopped: make(chan struct{})}
		r.senders[peer] = s
		r.running.Go(func() { s.run(ctx) })
	}
	return s
}

func (s *sender) send(m *liveness.Message) {
	select {
	case s.unsent <- m:
	default:
	}
}

// finish has the sender end when it has sent what waits, and waits for that.
func (s *sender) finish() {
	s.ending.Do(func() { close(s.ended) })
	<-s.stopped
}

// run sends until it is finished or ctx ends.
func (s *sender) run(ctx context.Context) {
	defer close(s.stopped)
	var stream network.Stream
	defer func() {
		if stream != nil {
			stream.Reset()
		}
	}()
	for {
		var m *liveness.Message
		select {
		case m = <-s.unsent:
		default:
			select {
			case m = <-s.unsent:
			case <-s.ended:
				if stream != nil && stream.SetReadDeadline(time.Now().Add(farewell)) == nil && stream.CloseWrite() == nil {
					stream = nil // its last message must not be cut off by a reset
				}
				return
			case <-ctx.Done():
				return
			}
		}
		if stream == nil && !s.connected() {
			continue
		}
		next, err := s.write(ctx, stream, m)
		if err != nil {
			s.r.cfg.Log.Debug("beat not sent", "peer", s.peer, "err", err)
		}
		stream = next
	}
}

// connected reports whether there is a connection: a beat does not make one.
func (s *sender) connected() bool {
	return slices.ContainsFunc(s.r.cfg.Host.Peers(), func(c network.Conn) bool { return c.Peer == s.peer })
}

// write writes one message, and returns the stream to go on with: nil after an
// error.
func (s *sender) write(ctx context.Context, stream network.Stream, m *liveness.Message) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if stream == nil {
		var err error
		if stream, err = s.r.cfg.Host.Open(ctx, s.peer, wire.BeatProtocol); err != nil {
			return nil, err
		}
		s.r.running.Go(func() { s.r.listen(stream) })
	}
	err := stream.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = stream.Write(wire.AppendBeat(nil, m.Append(nil)))
	}
	if err != nil {
		stream.Reset()
		return nil, err
	}
	return stream, nil
}

// Serve hears what a peer sends on a stream it has opened, until it ends.
func (r *Runner) Serve(stream network.Stream) {
	v := r.enter(stream)
	defer r.exit(v)
	err := r.hear(stream, func(m *liveness.Message) error {
		if answer := r.note(v, m); answer != nil {
			return v.reply(answer)
		}
		return nil
	})
	r.cfg.Log.Debug("beats ended", "peer", stream.Peer(), "err", err)
	stream.Reset()
}

// hear takes in messages until the stream ends or breaks the rules, or answer,
// which is given each, does not go on.
func (r *Runner) hear(stream network.Stream, answer func(*liveness.Message) error) error {
	var head [wire.HeaderSize]byte
	var scratch [liveness.MaxMessage]byte
	pace := rate.NewLimiter(maxRate, maxBurst)
	for {
		if err := pace.Wait(context.Background()); err != nil { // ends by itself: it is a moment
			return err
		}
		h, err := wire.ReadHeader(stream, &head)
		if err != nil {
			return err
		}
		if h.Type != wire.TypeBeat || h.Length > liveness.MaxMessage {
			return fmt.Errorf("%w: frame %d of %d bytes among beats", wire.ErrMalformed, h.Type, h.Length)
		}
		body, err := wire.ReadBody(stream, h, scratch[:0])
		if err != nil {
			return err
		}
		m, err := liveness.Parse(body)
		if err != nil {
			return err
		}
		r.tell(liveness.Heard{From: stream.Peer(), Message: m})
		if err := answer(m); err != nil {
			return err
		}
	}
}
