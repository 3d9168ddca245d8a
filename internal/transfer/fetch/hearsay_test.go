package fetch_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/fetch"
)

// inventions is a Peers frame with nodes that do not exist.
func inventions(by string, n int) wire.Peers {
	var m wire.Peers
	for i := range n {
		m.Peers = append(m.Peers, wire.PeerAddr{Node: shoal.NodeID(fmt.Sprint(by, i))})
	}
	return m
}

// More sources than can be remembered are invented by some that have the file
// and give nothing of it; a real one that is found afterwards is asked.
func TestInventedPeersDoNotCrowdOutTheReal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 43, 300_000, 64<<10)
		s.node("good").shelf.fill(f, data)
		get := s.node("get")
		evil := scripts{}
		var from []shoal.NodeID
		for i := range fetch.MaxCandidates/fetch.MaxTold + 1 {
			id := shoal.NodeID(fmt.Sprint("evil", i))
			from = append(from, id)
			evil[id] = func(s *script) {
				s.greets(f, f.Size, content.FullBitmap(f.Chunks()))
				s.says(inventions(string(id), fetch.MaxTold).Append(nil))
				s.listens()
			}
		}
		get.meets(evil)
		run := get.fetch(f, fetch.Task{Known: &f, Patience: 30 * time.Second}, from...)
		time.AfterFunc(5*time.Second, func() { run.AddSource("good") })
		if _, err := run.Wait(); err != nil {
			t.Errorf("good has the whole file and was named: %v", err)
		}
		get.checkWhole(f, data)
	})
}

// A source names others once, and then no more, even if it comes again.
func TestASourceNamesOthersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, _ := randomFile(t, 46, 300_000, 64<<10)
		get := s.node("get")
		var mu sync.Mutex // guards dials
		dials := map[shoal.NodeID]bool{}
		play := scripts{"evil": func(s *script) {
			s.greets(f, f.Size, content.FullBitmap(f.Chunks()))
			s.says(inventions(fmt.Sprint(s.visit, "a"), fetch.MaxTold).Append(nil))
			s.says(inventions(fmt.Sprint(s.visit, "b"), fetch.MaxTold).Append(nil))
			if s.visit < 3 {
				<-time.After(time.Second) // and hang up
				return
			}
			s.listens()
		}}
		for visit := range 9 {
			for _, frame := range []string{"a", "b"} {
				for _, p := range inventions(fmt.Sprint(visit, frame), fetch.MaxTold).Peers {
					play[p.Node] = func(*script) {
						mu.Lock()
						defer mu.Unlock()
						dials[p.Node] = true
					}
				}
			}
		}
		get.meets(play)
		if _, err := get.fetch(f, fetch.Task{Known: &f, Patience: 5 * time.Second}, "evil").Wait(); err == nil {
			t.Error("nobody has the file")
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(dials) != fetch.MaxTold {
			t.Errorf("%d peers were dialled on the word of one, want %d", len(dials), fetch.MaxTold)
		}
	})
}

// Whoever is to be asked alone is: neither one that it names nor one that is found
// later is dialled.
func TestOnlyTheSourcesAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 47, 300_000, 64<<10)
		get := s.node("get")
		var dialled atomic.Int32
		other := func(*script) { dialled.Add(1) }
		get.meets(scripts{
			"one": func(s *script) {
				s.greets(f, f.Size, content.FullBitmap(f.Chunks()))
				s.says(wire.Peers{Peers: []wire.PeerAddr{{Node: "named"}}}.Append(nil))
				<-time.After(time.Second)
				for span, ok := s.asked(); ok; span, ok = s.asked() {
					from := span.Chunk * int(f.ChunkSize)
					s.gives(span.Chunk, 0, data[from:from+f.ChunkLen(span.Chunk)])
				}
			},
			"named": other, "found": other,
		})
		run := get.fetch(f, fetch.Task{Known: &f, Only: true}, "one")
		run.AddSource("found")
		if _, err := run.Wait(); err != nil {
			t.Error(err)
		}
		get.checkWhole(f, data)
		if n := dialled.Load(); n > 0 {
			t.Errorf("%d others were asked", n)
		}
	})
}
