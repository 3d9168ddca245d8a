package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shoal"
	"shoal/internal/api/wire"
)

const (
	// writeTimeout is how long a client may take to read a line, before the
	// call it watches is given up.
	writeTimeout = 10 * time.Second

	// maxUnread is how many events may wait for a client. Progress is not among
	// them but for the latest of each file.
	maxUnread = 4096
)

// streamed is an answer that run writes as it goes. run gets the context of
// the request, which ends too when the client cannot be written to.
func streamed(run func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		ctx, cancel := context.WithCancel(hc.Context())
		defer cancel()
		s := newStream(w, cancel)
		report, err := run(ctx, s.event)
		s.end(err, report)
	}}
}

// stream is one streamed answer. Its lines are written in a goroutine of its
// own, so that a slow client does not hold up what it watches. The status goes
// out with the first line, so that a call that fails before it did anything has
// the status of its error.
type stream struct {
	w      http.ResponseWriter
	lines  *wire.Writer
	gaveUp context.CancelFunc
	ended  chan struct{} // closed when the last event is written
	failed bool          // the client cannot be written to; the writer's own, till ended
	seq    uint64        // the writer's own: of the events that are written

	mu      sync.Mutex // guards the rest
	changed *sync.Cond // unread or closed
	unread  []shoal.Event
	started bool // by the first event
	closed  bool
}

func newStream(w http.ResponseWriter, gaveUp context.CancelFunc) *stream {
	s := &stream{w: w, lines: wire.NewWriter(timely{w, http.NewResponseController(w)}), gaveUp: gaveUp, ended: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// timely is a client that has to read what is written to it in time.
type timely struct {
	io.Writer
	control *http.ResponseController
}

func (t timely) Write(p []byte) (int, error) {
	if err := t.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return t.Writer.Write(p)
}

// event has an event written. It is the watch of the call. Progress of a file
// takes the place of that which was not written yet.
func (s *stream) event(e shoal.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		go s.write()
	}
	if e.Type == shoal.EventProgress {
		s.unread = slices.DeleteFunc(s.unread, func(old shoal.Event) bool {
			return old.Type == shoal.EventProgress && old.Transfer == e.Transfer && old.Item == e.Item
		})
	}
	for len(s.unread) >= maxUnread {
		s.changed.Wait() // for at most writeTimeout a line
	}
	s.unread = append(s.unread, e)
	s.changed.Broadcast()
}

// write writes events until the stream is closed and there are none left.
func (s *stream) write() {
	defer close(s.ended)
	s.w.Header().Set("Content-Type", wire.MediaLines)
	s.w.WriteHeader(http.StatusOK)
	for {
		events := s.take()
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			s.line(e)
		}
		if !s.failed && http.NewResponseController(s.w).Flush() != nil {
			s.fail()
		}
	}
}

// line writes an event, under a number of the stream's own: what is left out
// leaves no gap.
func (s *stream) line(e shoal.Event) {
	s.seq++
	e.Seq = s.seq
	if !s.failed && s.lines.Event(e) != nil {
		s.fail()
	}
}

// fail gives up the call, whose client cannot be written to. What it still says
// is taken and thrown away.
func (s *stream) fail() {
	s.failed = true
	s.gaveUp()
}

// take waits for events; there are none once the stream is closed.
func (s *stream) take() []shoal.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.unread) == 0 && !s.closed {
		s.changed.Wait()
	}
	events := s.unread
	s.unread = nil
	s.changed.Broadcast()
	return events
}

// close returns when all events are written. It reports whether there were any.
func (s *stream) close() bool {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	started := s.started
	s.mu.Unlock()
	if started {
		<-s.ended
	}
	return started
}

// end writes what the call returned.
func (s *stream) end(failure error, report *shoal.VerifyReport) {
	if !s.close() {
		if failure != nil && (report == nil || len(report.Rotten)+len(report.Missing) == 0) {
			writeProblem(s.w, failure)
			return
		}
		s.w.Header().Set("Content-Type", wire.MediaLines)
		s.w.WriteHeader(http.StatusOK)
	}
	if !s.failed {
		_ = s.lines.End(failure, report) // a client that is gone needs no answer
	}
	// The connection may be used again, for an answer that takes its time.
	_ = http.NewResponseController(s.w).SetWriteDeadline(time.Time{})
}

// streamResponses describes a streamed answer.
func streamResponses(api huma.API) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: "JSON lines, of which the last is the summary",
		Content:     map[string]*huma.MediaType{wire.MediaLines: {Schema: schema[wire.Line](api)}},
	}}
}
