package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// headerTimeout bounds how long a client may take to say what it wants.
	headerTimeout = 10 * time.Second

	// maxHeader bounds a request's line and headers, in bytes: a link in the
	// path, with every character escaped, and room.
	maxHeader = 64 << 10

	// shutdownGrace is how long requests may take to wind up when the node
	// stops. Their contexts have ended by then.
	shutdownGrace = 5 * time.Second
)

// Serve answers on l until ctx ends, and closes l. It blocks. When ctx ends,
// so do the contexts of all requests, and Serve waits, for a while, until they
// have told their clients. Ending that way is no error. What net/http has to
// say about broken connections goes to log.
func Serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if err != nil {
		return fmt.Errorf("stop the API: %w", err)
	}
	return nil
}
