// Package api is the REST face of a node: everything shoal.Node can be asked,
// as HTTP under /api/v1, described by OpenAPI 3.1 at /api/v1/openapi.json. It
// holds no state and decides nothing: what a request means is the node's.
//
// Adding, getting and verifying answer with a stream of JSON lines, a file's
// bytes with Range and ETag, everything else with one JSON value; an error is
// a problem after RFC 9457. The shapes are in package wire.
package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shoal"
	"shoal/internal/api/wire"
)

// Option changes how New builds the handler.
type Option func(*options)

type options struct{ version string }

// WithVersion sets the version that the description of the API names; without
// it that is "devel".
func WithVersion(version string) Option {
	return func(o *options) { o.version = version }
}

// New is a handler that answers for node. Work that a request started ends
// when its client goes away.
func New(node shoal.Node, opts ...Option) http.Handler {
	o := options{version: "devel"}
	for _, opt := range opts {
		opt(&o)
	}
	mux := http.NewServeMux()
	api := humago.New(mux, config(o.version))
	files{node}.register(api)
	names{node}.register(api)
	transfers{node}.register(api)
	overview{node}.register(api)
	council{node}.register(api)
	describe(mux, api)
	mux.HandleFunc("/", nowhere)
	return mux
}

// nowhere answers for every path and method that has no handler.
func nowhere(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, shoal.WithHint(
		nothingHere{method: r.Method, path: r.URL.Path},
		"GET "+wire.Prefix+"/openapi.json lists what there is",
	))
}

type nothingHere struct{ method, path string }

func (n nothingHere) Error() string { return "there is no " + n.method + " " + n.path }
func (n nothingHere) Unwrap() error { return shoal.NotFound }

// unlimited switches off huma's deadline for reading a body. The deadline is
// the connection's: it would still be set when the handler runs, and net/http
// takes a read that times out for a client that went away, so that any work
// longer than the deadline would be cancelled.
const unlimited = -1

// register adds one operation: below wire.Prefix, with a bounded body, and
// with errors that are problems.
func register[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Path = wire.Prefix + op.Path
	op.MaxBodyBytes = wire.MaxRequest
	op.BodyReadTimeout = unlimited
	if op.Responses == nil {
		op.Responses = make(map[string]*huma.Response)
	}
	op.Responses["default"] = problemResponse(api)
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, problem(err)
		}
		return out, nil
	})
}
