package serve_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/network/wire"
	"shoal/internal/transfer/serve"
)

// What nobody waits for is sent at the pace of serve.FloorBackground while
// somebody reads slowly, and at full speed when nobody does.
func TestBackgroundGivesWay(t *testing.T) {
	for _, read := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const chunk, chunks = 1 << 20, 20
			l := newLibrary(t, chunks*chunk, chunk)
			server := serve.New(serve.Config{Library: l})
			copier, reader := dial(t, server, "copier"), dial(t, server, "reader")
			reader.greet(l)
			copier.say(wire.Hello{Version: wire.Version, WantList: true, Background: true, File: l.file.ID})
			copier.hear(wire.TypeWelcome)
			copier.hear(wire.TypeList)
			copier.hear(wire.TypeHaveAll)

			over := make(chan struct{})
			var reading sync.WaitGroup
			if read {
				reading.Go(func() {
					for {
						select {
						case <-time.After(50 * time.Millisecond):
							reader.say(span(0, 0, 1000))
							reader.hear(wire.TypeData)
						case <-over:
							return
						}
					}
				})
				<-time.After(60 * time.Millisecond) // the reader has begun
			}
			began := time.Now()
			for i := range chunks {
				copier.say(span(i, 0, 0))
				for range chunk / wire.MaxPayload {
					copier.hear(wire.TypeData)
				}
			}
			took := time.Since(began)
			close(over)
			reading.Wait()
			want := time.Duration(0)
			if read {
				want = time.Duration(chunks-1) * chunk * time.Second / serve.FloorBackground
			}
			if took < want*9/10 || took > want*11/10+10*time.Millisecond {
				t.Errorf("with a reader %v: took %v of virtual time, want about %v", read, took, want)
			}
		})
	}
}
