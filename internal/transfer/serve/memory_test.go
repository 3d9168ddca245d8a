package serve_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/serve"
)

// begins asks for a chunk, and takes the first byte of it.
func (a *asker) begins(l *library) {
	a.t.Helper()
	a.greet(l)
	a.say(span(0, 0, 0))
	if _, err := a.conn.Read(make([]byte, 1)); err != nil {
		a.t.Fatal(err)
	}
}

// A few peers that take a frame a minute hold all memory; another peer has it
// soon.
func TestSlowReadersDoNotStopTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 4<<20, 4<<20)
		server := serve.New(serve.Config{Library: l})
		for p := range serve.PeerShare {
			for range serve.BufferBytes / serve.PeerShare / (4 << 20) {
				dial(t, server, shoal.NodeID(fmt.Sprint("slow", p))).begins(l)
			}
		}
		fifth := dial(t, server, "fifth")
		fifth.greet(l)
		fifth.say(span(0, 0, 0))
		start := time.Now()
		fifth.hear(wire.TypeData)
		if took := time.Since(start); took > 2*serve.FloorAfter {
			t.Errorf("served after %v", took)
		}
	})
}
