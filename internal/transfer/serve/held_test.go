package serve_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"shoal"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/serve"
)

// counting is a library that counts what is read of it.
type counting struct {
	*library
	reads atomic.Int32
}

func (l *counting) Get(ctx context.Context, c shoal.Chunk, buf []byte) (int, error) {
	l.reads.Add(1)
	return l.library.Get(ctx, c, buf)
}

// The spans of one chunk that are asked for together cost one read, and each has
// its own bytes, in whatever order they come.
func TestSpansOfAChunkCostOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &counting{library: newLibrary(t, 10_000, 4096)}
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.greet(l.library)
		var asked []wire.Request
		for i := range 200 {
			asked = append(asked, span(0, (i*37)%4000, 1+i%50))
		}
		for _, r := range asked {
			a.say(r)
		}
		for _, r := range asked {
			body := a.hear(wire.TypeData)
			if got, want := string(body[wire.DataHeaderSize:]), string(l.data[r.Offset:r.Offset+r.Length]); got != want {
				t.Fatalf("span %+v is %q, want %q", r, got, want)
			}
		}
		if got := l.reads.Load(); got != 1 {
			t.Errorf("%d reads of one chunk", got)
		}
		synctest.Wait() // nothing is asked for any more, and nothing is kept
		a.say(span(0, 0, 1))
		a.hear(wire.TypeData)
		a.say(span(1, 0, 1), span(0, 0, 1))
		a.hear(wire.TypeData)
		a.hear(wire.TypeData)
		if got := l.reads.Load(); got != 4 {
			t.Errorf("%d reads, want 4", got)
		}
	})
}
