package serve_test

import (
	"testing"
	"testing/synctest"

	"shoal/internal/network/wire"
	"shoal/internal/transfer/serve"
)

// While a chunk is being sent the next one that was asked for is read, and no more.
func TestTheNextChunkIsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &counting{library: newLibrary(t, 6*4096, 4096)}
		l.rotten[3] = true
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.greet(l.library)
		a.say(span(0, 0, 0), span(1, 0, 0), span(2, 0, 0), span(3, 0, 0), span(4, 0, 0), span(5, 0, 0))
		a.hear(wire.TypeData)
		synctest.Wait() // it sends the second, which is not taken yet
		if got := l.reads.Load(); got != 3 {
			t.Errorf("%d chunks were read when the second is being sent, want 3", got)
		}
		a.hear(wire.TypeData)
		synctest.Wait()
		if got := l.reads.Load(); got != 4 {
			t.Errorf("%d chunks were read when the third is being sent, want 4", got)
		}
		a.say(wire.Cancel{Span: span(4, 0, 0).Span}) // before it is read
		synctest.Wait()
		a.hear(wire.TypeData)
		for range 2 { // the third was rotten, the fourth is not wanted any more
			a.hear(wire.TypeReject)
		}
		body := a.hear(wire.TypeData)
		if head, err := wire.ParseDataHeader(body[:wire.DataHeaderSize], len(body)); err != nil || head.Chunk != 5 {
			t.Errorf("heard chunk %d, %v, want the last", head.Chunk, err)
		}
		if got := l.reads.Load(); got != 5 {
			t.Errorf("%d chunks were read, want 5", got)
		}
	})
}

// What was read ahead and is not wanted any more is given back, also when the peer
// leaves meanwhile.
func TestReadAheadInVain(t *testing.T) {
	for name, leaves := range map[string]bool{"cancelled": false, "gone": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(t, 3*4096, 4096)
				server := serve.New(serve.Config{Library: l})
				a := dial(t, server, "peer")
				a.greet(l)
				a.say(span(0, 0, 0), span(1, 0, 0), span(2, 0, 0))
				a.hear(wire.TypeData)
				synctest.Wait() // the third is read ahead
				if leaves {
					a.conn.Close()
				} else {
					a.say(wire.Cancel{Span: span(2, 0, 0).Span})
					a.hear(wire.TypeData)
					a.hear(wire.TypeReject)
				}
				synctest.Wait()
				if !server.Idle() {
					t.Error("memory is held for nobody")
				}
			})
		})
	}
}
