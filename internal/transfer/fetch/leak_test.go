package fetch

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
)

// half is the start of a chunk of f.
func half(t *testing.T, e *Engine, f content.File) *assembly {
	t.Helper()
	a, err := newAssembly(t.Context(), e, f, 0)
	if err != nil {
		t.Fatal(err)
	}
	a.begin("a")
	a.took(1000)
	return a
}

// A half chunk whose rejection is heard of when the fetch is over.
func TestLateRejectionGivesItsMemoryBack(t *testing.T) {
	e, f := New(Config{}), zeros(t, 4*mib, mib)
	l := newLoop(e, &Fetch{}, Task{File: f.ID})
	l.discard(rejected{half: half(t, e, f)})
	free(t, e)
}

// A half chunk that is handed to a link which has just ended stays with the loop.
func TestEndedLinkTakesNoMemory(t *testing.T) {
	e, f := New(Config{}), zeros(t, 4*mib, mib)
	l := newLoop(e, &Fetch{}, Task{File: f.ID})
	a := half(t, e, f)
	k := newLink(l, "b", 1, nil)
	ended := linkEnded{peer: "b", attempt: 1, halves: k.leftovers(nil)}
	if k.ask(time.Now(), wire.Span{Offset: 1000, Length: mib - 1000}, a) {
		t.Error("the link takes requests when it has ended")
	} else {
		a.release()
	}
	l.discard(ended)
	free(t, e)
}

// Half chunks of links that end together are all given back.
func TestLinksThatEndTogetherGiveTheirMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := zeros(t, 8*mib, mib)
		dead := make(chan struct{})
		given := make(chan net.Conn, 16)
		e := New(Config{Dial: func(_ context.Context, peer shoal.NodeID) (transfer.Stream, error) {
			select {
			case <-dead:
				return nil, errors.New("no route to host")
			default:
			}
			ours, theirs := net.Pipe()
			go func() {
				g := giver{file: f}
				g.greet(theirs)
				requests := make(chan wire.Span, 4096)
				go g.listen(theirs, requests)
				r := <-requests
				d := wire.Data{Chunk: r.Chunk, Length: wire.MaxPayload}
				_, _ = theirs.Write(append(d.AppendHeader(nil), make([]byte, d.Length)...))
				given <- theirs
			}()
			return netStream{ours, peer}, nil
		}})
		from := []shoal.NodeID{"a", "b", "c", "d", "e", "f", "g", "h"}
		run := e.Start(t.Context(), Task{
			File: f.ID, Known: &f, Sources: from, Patience: time.Second,
			Open: func(context.Context, content.File) (Target, error) {
				return &bin{content.NewBitmap(f.Chunks())}, nil
			},
		})
		var conns []net.Conn
		for range from {
			conns = append(conns, <-given)
		}
		synctest.Wait()
		close(dead)
		for _, c := range conns {
			c.Close()
		}
		if _, err := run.Wait(); err == nil {
			t.Error("nobody has all of the file")
		}
		free(t, e)
	})
}

// A half chunk of a file that its source had otherwise is not kept for others.
func TestHalvesOfAnotherShapeAreNotAdopted(t *testing.T) {
	e, f := New(Config{}), zeros(t, 4*mib, mib)
	other := zeros(t, 4*mib, mib/2)
	l := newLoop(e, &Fetch{}, Task{File: f.ID, Known: &f})
	l.plan(content.NewBitmap(f.Chunks()))
	l.adopt([]*assembly{half(t, e, other)})
	if len(l.orphans) != 0 {
		t.Error("half of a shorter chunk is kept")
	}
	free(t, e)
	l.adopt([]*assembly{half(t, e, f)})
	if len(l.orphans) != 1 {
		t.Error("half of a chunk is not kept")
	}
}

// Data is of the span that was asked for, all of it and nothing else.
func TestDataIsHeldToItsSpan(t *testing.T) {
	const length = 1000
	for _, tc := range []struct {
		asked  wire.Span
		offset int
		bytes  int
		want   bool
	}{
		{wire.Span{}, 0, length, true},
		{wire.Span{}, 0, length + 1, false},
		{wire.Span{}, 999, 1, true},
		{wire.Span{Offset: 100, Length: 900}, 100, 900, true},
		{wire.Span{Offset: 100, Length: 900}, 99, 1, false},
		{wire.Span{Offset: 100, Length: 50}, 100, 50, true},
		{wire.Span{Offset: 100, Length: 50}, 100, 51, false},
		{wire.Span{Offset: 100, Length: 50}, 150, 1, false},
		{wire.Span{Offset: 100, Length: 5000}, 100, 901, false},
	} {
		r := request{span: tc.asked}
		if got := r.covers(wire.Data{Offset: tc.offset, Length: tc.bytes}, length); got != tc.want {
			t.Errorf("asked for %+v, given %d bytes at %d: %t", tc.asked, tc.bytes, tc.offset, got)
		}
	}
}
