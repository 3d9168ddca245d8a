package serve

import (
	"errors"
	"sync"

	"shoal/internal/network/wire"
)

// queue is what a session's reader leaves for its writer: requests in the
// order they came, and control frames that overtake them.
type queue struct {
	wake chan struct{} // has a value whenever there may be something to take

	mu       sync.Mutex // guards the rest
	requests []wire.Span
	control  []byte    // frames, ready to be sent
	sending  wire.Span // being answered now
	stop     bool      // the span being answered was cancelled
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// errFlood is how a session ends whose peer asks and does not listen.
var errFlood = errors.New("peer sends requests and does not read the answers")

// ask adds a request, or rejects it when too many wait.
func (q *queue) ask(span wire.Span) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.requests) >= MaxQueued {
		q.control = wire.Reject{Span: span, Reason: wire.ReasonBusy}.Append(q.control)
	} else {
		q.requests = append(q.requests, span)
	}
	q.signal()
	if len(q.control) > MaxControl {
		return errFlood
	}
	return nil
}

// cancel takes a request back: a waiting one is rejected at once, one that is
// being answered is cut short. One already answered is none of our business.
func (q *queue) cancel(span wire.Span) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, waiting := range q.requests {
		if waiting == span {
			q.requests = append(q.requests[:i], q.requests[i+1:]...)
			q.control = wire.Reject{Span: span, Reason: wire.ReasonCancelled}.Append(q.control)
			q.signal()
			return
		}
	}
	q.stop = q.stop || q.sending == span
}

// reject answers a span with a refusal.
func (q *queue) reject(span wire.Span, reason wire.Reason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.control = wire.Reject{Span: span, Reason: reason}.Append(q.control)
	q.signal()
}

// next takes the oldest request, to be answered now.
func (q *queue) next() (wire.Span, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending, q.stop = wire.Span{}, false
	if len(q.requests) == 0 {
		return wire.Span{}, false
	}
	q.sending = q.requests[0]
	q.requests = q.requests[1:]
	return q.sending, true
}

// peek gives the request that next would take.
func (q *queue) peek() (wire.Span, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.requests) == 0 {
		return wire.Span{}, false
	}
	return q.requests[0], true
}

// stopped reports whether the span being answered was cancelled.
func (q *queue) stopped() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stop
}

// takeControl gives the control frames that wait, and forgets them.
func (q *queue) takeControl(into []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	into = append(into, q.control...)
	q.control = q.control[:0]
	return into
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
