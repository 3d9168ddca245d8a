package serve

import (
	"context"

	"shoal/internal/transfer"
)

// ahead is a chunk that is read while the one before it is being sent: else the
// network would wait for the disk, and the disk for the network.
type ahead struct {
	chunk   int
	buf     *transfer.Buffer
	release func()
	done    chan struct{} // closed when it was read
	err     error         // why it could not be; to be looked at after done
}

// readAhead begins to read the chunk that is asked for next, if there is memory that
// nobody else needs. It does not block.
func (s *session) readAhead(ctx context.Context) {
	span, ok := s.queue.peek()
	if !ok || s.ahead != nil || span.Chunk == s.held.chunk {
		return
	}
	buf, release, ok := s.tryAcquire(s.file.ChunkLen(span.Chunk))
	if !ok {
		return
	}
	a := &ahead{chunk: span.Chunk, buf: buf, release: release, done: make(chan struct{})}
	s.ahead = a
	s.held.answer.grow(len(buf.Bytes))
	go func() {
		defer close(a.done)
		a.err = s.load(ctx, a.chunk, a.buf)
	}()
}

// tryAcquire is acquire if nobody waits for memory, nor would this peer have to.
func (s *session) tryAcquire(length int) (_ *transfer.Buffer, release func(), ok bool) {
	share, bytes := s.shared.wide, wideShare(length)
	if s.server.memory.buffers.Wanted() || !share.TryAcquire(bytes) {
		return nil, nil, false
	}
	buf, ok := s.server.memory.buffers.TryAcquire(length)
	if !ok {
		share.Release(bytes)
		return nil, nil, false
	}
	return buf, func() { buf.Release(); share.Release(bytes) }, true
}

// openAhead makes the chunk that was read ahead the held one and reports that it
// is here, if it is the one that is wanted. The error is why that one could not be
// read.
func (s *session) openAhead(chunk int) (here bool, err error) {
	a := s.ahead
	if a == nil || a.chunk != chunk {
		s.dropAhead()
		return false, nil
	}
	s.ahead = nil
	if <-a.done; a.err != nil {
		a.release()
		return false, a.err
	}
	s.hold(chunk, a.buf, a.release)
	return true, nil
}

// dropAhead gives the memory of what was read ahead back, once the reading is over.
func (s *session) dropAhead() {
	if a := s.ahead; a != nil {
		s.ahead = nil
		<-a.done
		a.release()
	}
}
