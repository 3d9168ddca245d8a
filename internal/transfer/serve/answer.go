package serve

import (
	"context"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// write sends what the session owes its peer, until ctx ends or the peer stops
// taking it: refusals first, then news of chunks, then one request's data.
func (s *session) write(ctx context.Context) error {
	defer s.letGo()
	var frames []byte
	for {
		frames = s.queue.takeControl(frames[:0])
		frames = wire.AppendHaveMore(frames, s.news())
		if len(frames) > 0 {
			if err := s.send(frames); err != nil {
				return err
			}
		}
		span, ok := s.queue.next()
		if !ok {
			s.letGo()
			select {
			case <-s.queue.wake:
			case <-s.watch.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err := s.answer(ctx, span); err != nil {
			return err
		}
	}
}

// news gives the chunks that came since the peer was last told.
func (s *session) news() []int {
	var fresh []int
	for _, chunk := range s.watch.Take() {
		if chunk < s.said.Len() && s.said.Set(chunk) {
			fresh = append(fresh, chunk)
		}
	}
	return fresh
}

// answer sends the data of one span, or rejects it.
func (s *session) answer(ctx context.Context, span wire.Span) error {
	end := span.Offset + span.Length
	if span.Length == 0 {
		end = s.file.ChunkLen(span.Chunk)
	}
	if s.background {
		if err := s.server.lanes.giveWay(ctx, end-span.Offset); err != nil {
			return err
		}
	}
	if err := s.open(ctx, span.Chunk); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.server.cfg.Log.Info("chunk not served", "file", s.file.ID, "chunk", span.Chunk, "err", err)
		s.queue.reject(span, reasonFor(err))
		return nil
	}
	s.readAhead(ctx)
	return s.sendSpan(ctx, span, end)
}

// held is the chunk that was read last. It is kept while there is more to
// answer, for that may be of the same chunk: else each byte that is asked for
// would cost a chunk's reading and hashing.
type held struct {
	chunk   int
	buf     *transfer.Buffer // nil if there is none
	release func()
	answer  *answer
}

// open makes a chunk the held one.
func (s *session) open(ctx context.Context, chunk int) error {
	if s.held.buf != nil && s.held.chunk == chunk {
		return nil
	}
	s.drop()
	if here, err := s.openAhead(chunk); here || err != nil {
		return err
	}
	buf, release, err := s.acquire(ctx, s.file.ChunkLen(chunk))
	if err != nil {
		return err
	}
	if err := s.load(ctx, chunk, buf); err != nil {
		release()
		return err
	}
	s.hold(chunk, buf, release)
	return nil
}

// hold makes a chunk that was read the held one.
func (s *session) hold(chunk int, buf *transfer.Buffer, release func()) {
	a := &answer{stream: s.stream, bytes: len(buf.Bytes)}
	s.server.memory.begin(a)
	s.held = held{chunk: chunk, buf: buf, release: release, answer: a}
}

// drop gives the memory of the held chunk back.
func (s *session) drop() {
	if s.held.buf == nil {
		return
	}
	s.server.memory.end(s.held.answer)
	s.held.release()
	s.held = held{}
}

// letGo gives all memory back.
func (s *session) letGo() {
	s.drop()
	s.dropAhead()
}

// acquire waits for the memory for a chunk: for the peer's share of it first.
func (s *session) acquire(ctx context.Context, length int) (*transfer.Buffer, func(), error) {
	share, bytes := s.shared.wide, wideShare(length)
	if s.server.memory.buffers.Wanted() {
		share, bytes = s.shared.narrow, min(int64(length), BufferBytes/CrowdedShare)
	}
	if err := share.Acquire(ctx, bytes); err != nil {
		return nil, nil, err
	}
	buf, err := s.server.memory.acquire(ctx, length)
	if err != nil {
		share.Release(bytes)
		return nil, nil, err
	}
	return buf, func() { buf.Release(); share.Release(bytes) }, nil
}

// wideShare is what a chunk takes of a peer's share while nobody waits for memory.
func wideShare(length int) int64 { return min(int64(length), BufferBytes/PeerShare) }

// load reads the whole chunk, which is how it is verified, when it is this
// peer's turn.
func (s *session) load(ctx context.Context, chunk int, buf *transfer.Buffer) error {
	if err := s.server.turns.take(ctx, s.stream.Peer()); err != nil {
		return err
	}
	defer s.server.turns.give()
	_, err := s.server.cfg.Library.Get(ctx, shoal.Chunk{File: s.file.ID, Index: chunk}, buf.Bytes)
	return err
}

// sendSpan sends the held chunk from the span's offset to end in Data frames,
// each with its header before it in the same write.
func (s *session) sendSpan(ctx context.Context, span wire.Span, end int) error {
	buf, a := s.held.buf, s.held.answer
	var scratch [wire.HeaderSize + wire.DataHeaderSize]byte
	for from := span.Offset; from < end; {
		if s.queue.stopped() {
			s.queue.reject(span, wire.ReasonCancelled)
			return nil
		}
		n := min(end-from, wire.MaxPayload)
		if !s.background {
			s.server.lanes.foreground(time.Now(), n)
		}
		if err := s.server.limiter.WaitN(ctx, n); err != nil {
			return err
		}
		head := wire.Data{Chunk: span.Chunk, Offset: from, Length: n}.AppendHeader(scratch[:0])
		a.begins(time.Now())
		err := s.send(buf.Framed(head, from, from+n))
		buf.Unframe()
		if err != nil {
			return err
		}
		a.took(n, time.Now())
		s.server.cfg.Sent(s.stream.Peer(), n)
		from += n
	}
	return nil
}

func (s *session) send(frames []byte) error {
	if err := s.stream.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if _, err := s.stream.Write(frames); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
