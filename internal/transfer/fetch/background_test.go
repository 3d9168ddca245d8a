package fetch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer/fetch"
)

// While somebody waits for another fetch, one in the background asks each
// source for a chunk at a time; then for as much as any other.
func TestBackgroundAsksForOneChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		n := s.node("here")
		f, _ := randomFile(t, 1, 300_000, 16<<10)
		var asked atomic.Int64
		n.meets(scripts{"there": func(p *script) {
			p.greets(f, f.Size, content.FullBitmap(f.Chunks()))
			for _, ok := p.asked(); ok; _, ok = p.asked() {
				asked.Add(1)
			}
		}})
		ctx, stop := context.WithCancel(s.ctx)
		waited := n.engine.Start(ctx, fetch.Task{File: f.ID, Known: &f, SizeHint: -1, Demand: true, Open: n.shelf.open})
		background, end := context.WithCancel(s.ctx)
		copied := n.engine.Start(background, fetch.Task{File: f.ID, Known: &f, SizeHint: -1, Background: true, Open: n.shelf.open, Sources: []shoal.NodeID{"there"}})
		<-time.After(time.Second)
		if got := asked.Load(); got != 1 {
			t.Errorf("asked for %d chunks while somebody waits for others, want 1", got)
		}
		stop()
		<-waited.Done()
		<-time.After(time.Second)
		if got := asked.Load(); got < 2 {
			t.Errorf("asked for %d chunks when nobody waits, want more", got)
		}
		end()
		<-copied.Done()
	})
}
