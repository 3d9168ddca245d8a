package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/api"
	"shoal/internal/api/wire"
)

// chatty is a node whose Get says much.
type chatty struct {
	shoal.Node
	get func(ctx context.Context, watch func(shoal.Event)) error
}

func (c chatty) Get(ctx context.Context, _ shoal.GetRequest, watch func(shoal.Event)) error {
	return c.get(ctx, watch)
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l oneConn) Close() error   { close(l.closed); return nil }
func (l oneConn) Addr() net.Addr { return &net.UnixAddr{} }

// downloads sends a request to get something, over a pipe in which nothing
// waits: what the client does not read, the server cannot write.
func downloads(t *testing.T, node shoal.Node) net.Conn {
	ours, theirs := net.Pipe()
	l := oneConn{make(chan net.Conn, 1), make(chan struct{})}
	l.conn <- theirs
	server := &http.Server{Handler: api.New(node)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); ours.Close() })
	body := `{"items":[{"ref":"x","output":"/x"}]}`
	go func() {
		_, _ = fmt.Fprintf(ours, "POST /api/v1/downloads HTTP/1.1\r\nHost: shoal\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}()
	return ours
}

// tells has the watcher told of progress, n times.
func tells(watch func(shoal.Event), n int) {
	for i := range n {
		watch(shoal.Event{Type: shoal.EventProgress, Done: int64(i)})
	}
}

// A client that is stopped, as with Ctrl-Z, does not hold up what it watches;
// and after a while what it watches is given up.
func TestStoppedClientHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		told, gaveUp := make(chan time.Duration, 1), make(chan time.Duration, 1)
		downloads(t, chatty{get: func(ctx context.Context, watch func(shoal.Event)) error {
			tells(watch, 100_000)
			told <- time.Since(start)
			<-ctx.Done()
			gaveUp <- time.Since(start)
			return ctx.Err()
		}})
		if took := <-told; took > 0 {
			t.Errorf("the call was held up for %v", took)
		}
		if took := <-gaveUp; took > 11*time.Second {
			t.Errorf("given up after %v, want 10s", took)
		}
	})
}

// A client that is only slow is told of progress as far as it has come by then,
// of all else, and of the end; the numbers have no gaps.
func TestSlowClientIsToldTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := downloads(t, chatty{get: func(_ context.Context, watch func(shoal.Event)) error {
			for range 10 {
				tells(watch, 1000)
				watch(shoal.Event{Type: shoal.EventDone})
			}
			return errors.New("the end")
		}})
		<-time.After(5 * time.Second)
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		heard := map[shoal.EventType]int{}
		lines := wire.NewReader(r.Body)
		for seq := uint64(1); heard[wire.Summary] == 0; seq++ {
			line, err := lines.Next()
			if err != nil {
				t.Fatal(err)
			}
			if heard[line.Type]++; line.Type != wire.Summary && line.Seq != seq {
				t.Errorf("number %d, want %d", line.Seq, seq)
			}
		}
		if heard[shoal.EventDone] != 10 || heard[shoal.EventProgress] > 100 {
			t.Errorf("heard %v", heard)
		}
	})
}
