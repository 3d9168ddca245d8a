package fetch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// writeTimeout is how long a peer may take to read one batch of our frames.
const writeTimeout = time.Minute

// lastWords is how long a peer that takes no more of our frames is listened to.
const lastWords = 500 * time.Millisecond

// link is one stream to one source: a goroutine that reads it, one that writes
// it, and what is outstanding on it. The loop asks and cancels; the reader
// tells the loop what came.
type link struct {
	fetch   *Fetch
	peer    shoal.NodeID
	attempt int
	stream  transfer.Stream
	engine  *Engine

	wake  chan struct{} // has a value whenever outbox may have something
	count counter

	// The loop's own, of no concern to the link's goroutines.
	have content.Bitmap // until the picker is told

	mu     sync.Mutex // guards the rest; held for no I/O
	outbox []byte
	parted bool             // nothing more is to be sent after the outbox
	asked  map[int]*request // by chunk; an entry goes when it is answered
	open   holding          // the memory of the chunk that is coming in
	untold int              // answers that the loop has not heard of yet
	ended  bool             // its leftovers were gathered: nothing more can be asked
}

// request is a span asked for and not fully answered.
type request struct {
	span      wire.Span
	cancelled bool      // it was taken back; the answer may still come
	assembly  *assembly // that an earlier source began; nil once it is open
	held      holding   // since it has that
}

// covers reports whether data is of the span that was asked for, in a chunk of
// that length.
func (r *request) covers(d wire.Data, length int) bool {
	end := r.span.Offset + r.span.Length
	if r.span.Length == 0 {
		end = length
	}
	return d.Offset >= r.span.Offset && d.Offset+d.Length <= min(end, length)
}

func newLink(l *loop, peer shoal.NodeID, attempt int, stream transfer.Stream) *link {
	return &link{
		fetch: l.fetch, peer: peer, attempt: attempt, stream: stream, engine: l.engine,
		wake: make(chan struct{}, 1), asked: make(map[int]*request),
	}
}

// push queues frames for the peer.
func (k *link) push(frame func([]byte) []byte) {
	k.mu.Lock()
	k.outbox = frame(k.outbox)
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// ask asks for a span of a chunk, going on with an earlier assembly if there is
// one. It reports false, and leaves that to the caller, if an older request for
// the chunk is still being wound up, or the link has ended.
func (k *link) ask(now time.Time, span wire.Span, earlier *assembly) bool {
	k.mu.Lock()
	_, busy := k.asked[span.Chunk]
	busy = busy || k.ended // nobody would give the assembly back
	if !busy {
		k.asked[span.Chunk] = &request{span: span, assembly: earlier, held: k.count.hold(now, earlier)}
	}
	k.mu.Unlock()
	if !busy {
		k.push(wire.Request{Span: span}.Append)
	}
	return !busy
}

// cancel takes a request back. Its entry stays until the peer has answered.
func (k *link) cancel(chunk int) {
	k.mu.Lock()
	r := k.asked[chunk]
	if r == nil || r.cancelled {
		k.mu.Unlock()
		return
	}
	r.cancelled = true
	k.mu.Unlock()
	k.push(wire.Cancel{Span: r.span}.Append)
}

// owes reports whether anything is outstanding.
func (k *link) owes() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.asked)+k.untold > 0
}

// spans lists the chunks that are outstanding.
func (k *link) spans() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.asked))
}

// part says goodbye and has the link ended, without waiting for it.
func (k *link) part(reason wire.Reason) {
	k.mu.Lock()
	k.parted = true
	k.mu.Unlock()
	k.push(wire.Goodbye{Reason: reason}.Append)
}

// pending is the request for a chunk, or nil.
func (k *link) pending(chunk int) *request {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[chunk]
}

// answered takes a request off the books, and reports whether it was cancelled.
// The loop must be told.
func (k *link) answered(chunk int) (cancelled bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.asked[chunk]
	delete(k.asked, chunk)
	k.untold++
	return r != nil && r.cancelled
}

// told notes that the loop has heard of an answer.
func (k *link) told() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.untold--
}

// write sends what is pushed until the link is parted, and then closes the
// stream in good order; or until ctx ends or the stream fails.
func (k *link) write(ctx context.Context) error {
	var frames []byte
	for {
		select {
		case <-k.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		k.mu.Lock()
		frames, k.outbox = k.outbox, frames[:0]
		parted := k.parted
		k.mu.Unlock()
		if err := k.stream.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return fmt.Errorf("ask %s: %w", k.peer.Short(), err)
		}
		if _, err := k.stream.Write(frames); err != nil {
			return fmt.Errorf("ask %s: %w", k.peer.Short(), err)
		}
		if parted {
			return k.stream.Close() // which wakes the reader as well
		}
	}
}

// run speaks with the source until the stream or ctx ends, and says why, with
// the chunks that were half-way in. known is what is known of the file, its id
// at least.
func (k *link) run(ctx context.Context, known content.File) ([]*assembly, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, k.stream.Reset)()
	var writer sync.WaitGroup
	writer.Go(func() {
		if k.write(ctx) == nil {
			return
		}
		select { // one that reads no more may have said why
		case <-time.After(lastWords):
			k.stream.Reset() // wakes the reader
		case <-ctx.Done():
		}
	})
	r := &reader{link: k, file: known}
	err := r.run(ctx)
	cancel() // wakes the writer
	writer.Wait()
	return k.leftovers(r.open), err
}

// leftovers gathers the half-received chunks of a link that has ended.
func (k *link) leftovers(open *assembly) []*assembly {
	k.mu.Lock()
	defer k.mu.Unlock()
	var halves []*assembly
	if open != nil {
		halves = append(halves, open)
	}
	for _, r := range k.asked {
		if r.assembly != nil {
			halves = append(halves, r.assembly)
		}
	}
	clear(k.asked)
	k.ended = true
	return halves
}
