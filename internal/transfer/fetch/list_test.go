package fetch_test

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/fetch"
)

// sluggish waits before each of its first few writes.
type sluggish struct {
	net.Conn
	left int
	wait time.Duration
}

func (c *sluggish) Write(p []byte) (int, error) {
	if c.left--; c.left >= 0 {
		<-time.After(c.wait)
	}
	return c.Conn.Write(p)
}

// A long hash list has time for each of its frames.
func TestLongListMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 47, 2*wire.MaxListCVs<<10+1, 1<<10)
		seed := s.node("seed")
		seed.shelf.fill(f, data)
		seed.tamper = func(c net.Conn) net.Conn { return &sluggish{c, 3, fetch.WelcomeTimeout - time.Second} }
		get := s.node("get")
		if _, err := get.fetch(f, fetch.Task{}, "seed").Wait(); err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
	})
}

// A hash list that comes a value at a time would never end.
func TestListThatDripsInIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, _ := randomFile(t, 47, 2*wire.MaxListCVs<<10+1, 1<<10)
		get := s.node("get")
		var sent atomic.Int32
		get.meets(scripts{"drip": func(s *script) {
			s.hears()
			s.says(wire.Welcome{Version: wire.Version, Size: f.Size, ChunkSize: f.ChunkSize}.Append(nil))
			for i := range f.List {
				part := append(make(content.HashList, i), f.List[i])
				if !s.says(wire.AppendListPart(nil, part, i)) {
					return
				}
				sent.Add(1)
				<-time.After(10 * time.Second)
			}
		}})
		start := time.Now()
		if _, err := get.fetch(f, fetch.Task{}, "drip").Wait(); err == nil {
			t.Error("nobody has the file")
		}
		if took := time.Since(start); took > time.Minute || sent.Load() > fetch.MaxTries {
			t.Errorf("gave up after %v and %d values", took, sent.Load())
		}
	})
}
