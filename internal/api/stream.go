package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shoal"
	"shoal/internal/api/wire"
)

// streamed is an answer that run writes as it goes. run gets the context of
// the request, which ends too when the client cannot be written to.
func streamed(run func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		ctx, cancel := context.WithCancel(hc.Context())
		defer cancel()
		s := &stream{w: w, lines: wire.NewWriter(w), gaveUp: cancel}
		report, err := run(ctx, s.event)
		s.end(err, report)
	}}
}

// stream is one streamed answer. The status goes out with the first line, so
// that a call that fails before it did anything has the status of its error.
type stream struct {
	w       http.ResponseWriter
	lines   *wire.Writer
	gaveUp  context.CancelFunc
	started bool
}

// event writes one event. It is the watch of the call.
func (s *stream) event(e shoal.Event) {
	s.start()
	if s.lines.Event(e) != nil || http.NewResponseController(s.w).Flush() != nil {
		s.gaveUp()
	}
}

// end writes what the call returned.
func (s *stream) end(failure error, report *shoal.VerifyReport) {
	if !s.started && failure != nil && (report == nil || len(report.Rotten) == 0) {
		writeProblem(s.w, failure)
		return
	}
	s.start()
	_ = s.lines.End(failure, report) // a client that is gone needs no answer
}

func (s *stream) start() {
	if s.started {
		return
	}
	s.started = true
	s.w.Header().Set("Content-Type", wire.MediaLines)
	s.w.WriteHeader(http.StatusOK)
}

// streamResponses describes a streamed answer.
func streamResponses(api huma.API) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: "JSON lines, of which the last is the summary",
		Content:     map[string]*huma.MediaType{wire.MediaLines: {Schema: schema[wire.Line](api)}},
	}}
}
