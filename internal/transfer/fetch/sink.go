package fetch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"shoal"
)

// sink writes verified chunks to the target, in a goroutine of its own. Chunks
// that wait together are written together, in the order of the file.
type sink struct {
	fetch  *Fetch
	target Target
	wake   chan struct{}
	chunks [][]byte // of a run being written

	mu      sync.Mutex // guards the rest
	waiting []*assembly
	closed  bool
}

func newSink(l *loop, target Target) *sink {
	return &sink{fetch: l.fetch, target: target, wake: make(chan struct{}, 1)}
}

// put hands over a chunk, whose buffer the sink releases. What waits is bounded
// by the engine's budget of buffers.
func (s *sink) put(a *assembly) {
	s.mu.Lock()
	s.waiting = append(s.waiting, a)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// close has run return once what waits is written: it is verified, and would
// have to be fetched again.
func (s *sink) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes until the sink is closed.
func (s *sink) run(ctx context.Context) {
	for range s.wake {
		s.mu.Lock()
		batch, closed := s.waiting, s.closed
		s.waiting = nil
		s.mu.Unlock()
		s.write(ctx, batch)
		if closed {
			return
		}
	}
}

// write writes a batch, up to the first error, and tells the loop.
func (s *sink) write(ctx context.Context, batch []*assembly) {
	if len(batch) == 0 {
		return
	}
	slices.SortFunc(batch, func(a, b *assembly) int { return cmp.Compare(a.index, b.index) })
	var failed error
	for len(batch) > 0 {
		run := batch[:s.runLength(batch)]
		batch = batch[len(run):]
		if failed == nil {
			failed = s.putRun(ctx, run)
		}
		report := chunksWritten{err: failed}
		for _, a := range run {
			report.chunks = append(report.chunks, a.index)
			a.release()
		}
		s.fetch.tell(report)
	}
}

// runBytes is how much is written in one go, at most, before the loop, and
// through it the peers that wait for these chunks, hears of it. A chunk that
// is larger is written alone.
const runBytes = 4 << 20

// runLength is how many of the first chunks, in order, are one run.
func (s *sink) runLength(batch []*assembly) int {
	bytes := len(batch[0].buf.Bytes)
	for n := 1; n < len(batch); n++ {
		bytes += len(batch[n].buf.Bytes)
		if batch[n].index != batch[0].index+n || bytes > runBytes {
			return n
		}
	}
	return len(batch)
}

// putRun writes adjacent chunks, in one go if the target can.
func (s *sink) putRun(ctx context.Context, run []*assembly) error {
	if target, ok := s.target.(RunTarget); ok {
		s.chunks = s.chunks[:0]
		for _, a := range run {
			s.chunks = append(s.chunks, a.buf.Bytes)
		}
		return target.PutRun(ctx, run[0].index, s.chunks)
	}
	for _, a := range run {
		if err := s.target.Put(ctx, a.index, a.buf.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// chunksWritten says which chunks can be read from the target now or, with an
// error, which cannot.
type chunksWritten struct {
	chunks []int
	err    error
}

func (m chunksWritten) apply(l *loop) {
	l.wrote(m)
	if m.err != nil {
		l.fail(fmt.Errorf("write file %s: %w", l.task.File.Short(), m.err))
		return
	}
	l.checkDone()
}

// wrote counts chunks that are written, and posts them for others.
func (l *loop) wrote(m chunksWritten) {
	l.writing -= len(m.chunks)
	if m.err != nil {
		return
	}
	l.left -= len(m.chunks)
	for _, chunk := range m.chunks {
		l.written += int64(l.file.ChunkLen(chunk))
		l.board().Post(shoal.Chunk{File: l.file.ID, Index: chunk})
	}
}
