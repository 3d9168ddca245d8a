package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// zeros makes a file of zeros.
func zeros(t *testing.T, size int64, cs content.ChunkSize) content.File {
	t.Helper()
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(make([]byte, size)), size, cs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// bin is a target that keeps no bytes.
type bin struct{ have content.Bitmap }

func (b *bin) Has() content.Bitmap                          { return b.have.Clone() }
func (b *bin) Put(_ context.Context, i int, _ []byte) error { b.have.Set(i); return nil }
func (b *bin) Settle(context.Context, bool) error           { return nil }

type netStream struct {
	net.Conn
	peer shoal.NodeID
}

func (s netStream) Reset()             { s.Conn.Close() }
func (s netStream) Peer() shoal.NodeID { return s.peer }

// giver is a peer that has a file of zeros, and gives what it is asked for in
// frames of some length, one after each pause.
type giver struct {
	file  content.File
	frame int
	pause time.Duration
}

func (g giver) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	g.greet(c)
	requests := make(chan wire.Span, 4096)
	go func() {
		defer close(requests)
		g.listen(c, requests)
	}()
	for r := range requests {
		for at := r.Offset; at < r.Offset+r.Length; at += g.frame {
			d := wire.Data{Chunk: r.Chunk, Offset: at, Length: min(g.frame, r.Offset+r.Length-at)}
			if _, err := c.Write(append(d.AppendHeader(nil), make([]byte, d.Length)...)); err != nil {
				return
			}
			select {
			case <-time.After(g.pause):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (g giver) greet(c net.Conn) {
	var head [wire.HeaderSize]byte
	if h, err := wire.ReadHeader(c, &head); err == nil {
		_, _ = wire.ReadBody(c, h, nil)
	}
	b := wire.Welcome{Version: wire.Version, Size: g.file.Size, ChunkSize: g.file.ChunkSize}.Append(nil)
	_, _ = c.Write(wire.AppendHave(b, content.FullBitmap(g.file.Chunks())))
}

func (g giver) listen(c io.Reader, requests chan<- wire.Span) {
	var head [wire.HeaderSize]byte
	for {
		h, err := wire.ReadHeader(c, &head)
		if err != nil {
			return
		}
		body, err := wire.ReadBody(c, h, nil)
		if err != nil {
			return
		}
		if m, err := wire.ParseRequest(body); h.Type == wire.TypeRequest && err == nil {
			requests <- m.Span
		}
	}
}

// crowd is an engine, and the peers it meets.
type crowd struct {
	*Engine
	t     *testing.T
	ctx   context.Context
	peers map[shoal.NodeID]giver
	dials atomic.Int32
	wg    sync.WaitGroup
}

func newCrowd(t *testing.T, budget int64, peers map[shoal.NodeID]giver) *crowd {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := &crowd{t: t, ctx: ctx, peers: peers}
	c.Engine = New(Config{Dial: c.dial})
	c.buffers = transfer.NewBuffers(budget)
	t.Cleanup(func() { cancel(); c.wg.Wait() })
	return c
}

func (c *crowd) dial(_ context.Context, id shoal.NodeID) (transfer.Stream, error) {
	g, ok := c.peers[id]
	if !ok {
		return nil, errors.New("no route to host")
	}
	c.dials.Add(1)
	ours, theirs := net.Pipe()
	c.wg.Go(func() { g.serve(c.ctx, theirs) })
	return netStream{ours, id}, nil
}

func (c *crowd) fetch(ctx context.Context, f content.File, watch func(shoal.Event), from ...shoal.NodeID) *Fetch {
	return c.Start(ctx, Task{
		File: f.ID, Known: &f, SizeHint: -1, Sources: from, Watch: watch,
		Open: func(context.Context, content.File) (Target, error) {
			return &bin{content.NewBitmap(f.Chunks())}, nil
		},
	})
}

// free fails the test if any of the engine's memory is held.
func free(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	all, err := e.buffers.Acquire(ctx, int(e.buffers.Budget()))
	if err != nil {
		t.Error("nothing is being fetched any more, and memory is held")
		return
	}
	all.Release()
}

const mib = 1 << 20

// A byte every 19 seconds is no life.
func TestDripDoesNotKeepAFetchAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := zeros(t, mib, mib)
		c := newCrowd(t, BufferBytes, map[shoal.NodeID]giver{"drip": {f, 1, 19 * time.Second}})
		start := time.Now()
		_, err := c.fetch(c.ctx, f, nil, "drip").Wait()
		if took := time.Since(start); took > 10*time.Minute || !errors.Is(err, shoal.Network) {
			t.Errorf("gave up after %v: %v", took, err)
		}
		free(t, c.Engine)
	})
}

// A source that takes much longer for a chunk than the patience lasts, but does
// give it, is waited for.
func TestSlowSourceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := zeros(t, 2*mib, mib)
		c := newCrowd(t, BufferBytes, map[shoal.NodeID]giver{"slow": {f, 16 << 10, 4 * time.Second}})
		if _, err := c.fetch(c.ctx, f, nil, "slow").Wait(); err != nil {
			t.Error(err)
		}
	})
}

// Chunks that drip in hold all memory; an honest source of another file has it
// back in time, and is not taken for slow while it waits.
func TestDripsDoNotHoldTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := zeros(t, 8*mib, mib), zeros(t, 5*mib, mib)
		peers := map[shoal.NodeID]giver{"honest": {other, wire.MaxPayload, 5 * time.Millisecond}}
		drips := []shoal.NodeID{"a", "b", "c", "d"}
		for _, id := range drips {
			peers[id] = giver{f, 1, 19 * time.Second}
		}
		c := newCrowd(t, 4*mib, peers)
		ctx, cancel := context.WithCancel(c.ctx)
		defer cancel()
		first := c.fetch(ctx, f, nil, drips...)
		<-time.After(time.Second)
		start := time.Now()
		stats, err := c.fetch(c.ctx, other, nil, "honest").Wait()
		if took := time.Since(start); err != nil || took > time.Minute {
			t.Errorf("5 MiB from an honest source: %v after %v, %+v", err, took, stats)
		}
		cancel()
		_, _ = first.Wait()
		free(t, c.Engine)
	})
}

// A source that is not read while all memory is in use is not taken for silent.
func TestWaitingForMemoryIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := zeros(t, 2*mib, mib)
		c := newCrowd(t, 2*mib, map[shoal.NodeID]giver{"a": {f, wire.MaxPayload, time.Millisecond}})
		all, err := c.buffers.Acquire(t.Context(), 2*mib)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Minute, all.Release)
		if _, err := c.fetch(c.ctx, f, nil, "a").Wait(); err != nil {
			t.Error(err)
		}
		if got := c.dials.Load(); got != 1 {
			t.Errorf("the source was dialled %d times: it was taken for silent", got)
		}
	})
}

// One slow source among much work takes little of the memory, and may keep it.
func TestSlowSourceIsLeftAloneIfItHoldsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := zeros(t, mib/2, mib/2), zeros(t, 40*mib, mib/2)
		quick := giver{other, wire.MaxPayload, 400 * time.Millisecond}
		c := newCrowd(t, 2*mib, map[shoal.NodeID]giver{
			"slow": {f, 32 << 10, time.Second}, "a": quick, "b": quick, "c": quick, "d": quick,
		})
		busy := c.fetch(c.ctx, other, nil, "a", "b", "c", "d")
		stats, err := c.fetch(c.ctx, f, nil, "slow").Wait()
		if err != nil || stats.Wasted > 0 {
			t.Errorf("from a source of 32 KiB/s: %v, %+v", err, stats)
		}
		if _, err := busy.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// Who watches a fetch and does not return holds up nobody.
func TestStoppedWatcherHoldsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := zeros(t, 24*mib, mib), zeros(t, 5*mib, mib)
		peers := map[shoal.NodeID]giver{"z": {other, wire.MaxPayload, 5 * time.Millisecond}}
		from := []shoal.NodeID{"a", "b", "c", "d"}
		for _, id := range from {
			peers[id] = giver{f, wire.MaxPayload, 5 * time.Millisecond}
		}
		c := newCrowd(t, 8*mib, peers)
		stopped := make(chan struct{})
		watch := func(e shoal.Event) {
			if e.Type == shoal.EventProgress {
				<-stopped
			}
		}
		watched := []*Fetch{c.fetch(c.ctx, f, watch, from...), c.fetch(c.ctx, f, watch, from...)}
		<-time.After(time.Minute)
		start := time.Now()
		_, err := c.fetch(c.ctx, other, nil, "z").Wait()
		if took := time.Since(start); err != nil || took > time.Minute {
			t.Errorf("5 MiB for somebody else: %v after %v", err, took)
		}
		close(stopped)
		for _, f := range watched {
			if _, err := f.Wait(); err != nil {
				t.Error(err)
			}
		}
	})
}

// What a watcher has no time for is told as far as it has come by then.
func TestProgressIsToldAsItIsByThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int64
		busy := make(chan struct{})
		h := newHerald(func(e shoal.Event) {
			if told = append(told, e.Done); len(told) == 1 {
				<-busy
			}
		})
		h.tell(shoal.Event{Type: shoal.EventStarted, Done: -1})
		synctest.Wait()
		for i := range int64(1000) {
			h.tell(shoal.Event{Type: shoal.EventProgress, Done: i})
			h.tell(shoal.Event{Type: shoal.EventSourceLeft, Done: i})
		}
		close(busy)
		h.close()
		if len(told) != 1+maxUntold || told[len(told)-2] != 999 {
			t.Errorf("told %d times, the last %v", len(told), told[len(told)-2:])
		}
	})
}
