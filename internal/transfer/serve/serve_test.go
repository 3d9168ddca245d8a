package serve_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
	"shoal/internal/transfer/serve"
)

// library has one file, of which some chunks may have rotted.
type library struct {
	file   content.File
	data   []byte
	rotten map[int]bool
}

func newLibrary(t *testing.T, size int64, cs content.ChunkSize) *library {
	data := bytes.Repeat([]byte("shoal"), int(size)/5+1)[:size]
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), size, cs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &library{file: f, data: data, rotten: map[int]bool{}}
}

func (l *library) File(_ context.Context, id shoal.FileID) (content.File, error) {
	if id != l.file.ID {
		return content.File{}, shoal.NotFound
	}
	return l.file, nil
}

func (l *library) Has(context.Context, shoal.FileID) (content.Bitmap, error) {
	return content.FullBitmap(l.file.Chunks()), nil
}

func (l *library) Get(_ context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	if l.rotten[chunk.Index] {
		return 0, fmt.Errorf("%w: %w", shoal.NotFound, shoal.Integrity)
	}
	return copy(buf, l.data[l.file.ChunkOffset(chunk.Index):][:l.file.ChunkLen(chunk.Index)]), nil
}

// asker is the other end of a session, by hand.
type asker struct {
	t    *testing.T
	conn net.Conn
}

type stream struct {
	net.Conn
	peer shoal.NodeID
}

func (s stream) Reset()             { s.Conn.Close() }
func (s stream) Peer() shoal.NodeID { return s.peer }

// dial opens a session as a peer.
func dial(t *testing.T, server *serve.Server, peer shoal.NodeID) *asker {
	ours, theirs := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(t.Context(), stream{theirs, peer}) })
	t.Cleanup(func() { ours.Close(); wg.Wait() })
	return &asker{t: t, conn: ours}
}

// say writes frames.
func (a *asker) say(frames ...interface{ Append([]byte) []byte }) {
	a.t.Helper()
	var all []byte
	for _, frame := range frames {
		all = frame.Append(all)
	}
	if _, err := a.conn.Write(all); err != nil {
		a.t.Fatalf("say: %v", err)
	}
}

// hear reads a frame, which must be of the type wanted.
func (a *asker) hear(want wire.Type) []byte {
	a.t.Helper()
	typ, body := a.next()
	if typ != want {
		a.t.Fatalf("heard frame %d, want %d: %q", typ, want, body)
	}
	return body
}

// next reads a frame.
func (a *asker) next() (wire.Type, []byte) {
	a.t.Helper()
	var head [wire.HeaderSize]byte
	h, err := wire.ReadHeader(a.conn, &head)
	if err != nil {
		a.t.Fatalf("hear: %v", err)
	}
	body, err := wire.ReadBody(a.conn, h, nil)
	if err != nil {
		a.t.Fatalf("hear: %v", err)
	}
	return h.Type, body
}

// try writes a frame that the server may not even read to its end.
func (a *asker) try(frame interface{ Append([]byte) []byte }) {
	if _, err := a.conn.Write(frame.Append(nil)); err != nil {
		a.t.Logf("not taken: %v", err)
	}
}

// greet says hello and hears the welcome.
func (a *asker) greet(l *library) {
	a.t.Helper()
	a.say(wire.Hello{Version: wire.Version, WantList: true, File: l.file.ID})
	welcome, err := wire.ParseWelcome(a.hear(wire.TypeWelcome))
	if err != nil || welcome.Size != l.file.Size || welcome.ChunkSize != l.file.ChunkSize {
		a.t.Fatalf("welcome %+v, %v", welcome, err)
	}
	a.hear(wire.TypeList)
	a.hear(wire.TypeHaveAll)
}

// hangsUp fails the test unless the server ends the session.
func (a *asker) hangsUp() {
	a.t.Helper()
	if _, err := io.Copy(io.Discard, a.conn); err != nil {
		a.t.Errorf("hang up: %v", err)
	}
}

func span(chunk, offset, length int) wire.Request {
	return wire.Request{Span: wire.Span{Chunk: chunk, Offset: offset, Length: length}}
}

func TestSpansAreAnsweredInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 10_000, 4096)
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.greet(l)
		a.say(span(2, 0, 0), span(0, 100, 50), span(1, 0, 4096))
		for _, want := range []struct{ chunk, offset, length int }{{2, 0, 10_000 - 8192}, {0, 100, 50}, {1, 0, 4096}} {
			body := a.hear(wire.TypeData)
			head, err := wire.ParseDataHeader(body[:wire.DataHeaderSize], len(body))
			if err != nil || head != (wire.Data{Chunk: want.chunk, Offset: want.offset, Length: want.length}) {
				t.Fatalf("got %+v, %v, want %+v", head, err, want)
			}
			from := l.file.ChunkOffset(want.chunk) + int64(want.offset)
			if !bytes.Equal(body[wire.DataHeaderSize:], l.data[from:from+int64(want.length)]) {
				t.Errorf("wrong bytes of %+v", want)
			}
		}
	})
}

func TestUnknownFileIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 100, 1024)
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.say(wire.Hello{Version: wire.Version, File: shoal.FileID{1}})
		bye, err := wire.ParseGoodbye(a.hear(wire.TypeGoodbye))
		if err != nil || bye.Reason != wire.ReasonAbsent {
			t.Errorf("got %+v, %v", bye, err)
		}
		a.hangsUp()
	})
}

func TestRottenChunkIsRejectedAndNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 10_000, 4096)
		l.rotten[1] = true
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.greet(l)
		a.say(span(1, 0, 4096), span(0, 0, 4096))
		reject, err := wire.ParseReject(a.hear(wire.TypeReject))
		if err != nil || reject.Chunk != 1 || reject.Reason != wire.ReasonAbsent {
			t.Errorf("got %+v, %v", reject, err)
		}
		a.hear(wire.TypeData)
	})
}

func TestCancelledRequestIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20, 512<<10)
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.greet(l)
		// The first chunk's data waits in the pipe while the second is taken back.
		a.say(span(0, 0, 512<<10), span(1, 0, 512<<10), wire.Cancel{Span: span(1, 0, 512<<10).Span})
		synctest.Wait()
		heard := map[wire.Type]int{}
		for range 3 {
			typ, body := a.next()
			heard[typ]++
			if typ != wire.TypeReject {
				continue
			}
			reject, err := wire.ParseReject(body)
			if err != nil || reject.Chunk != 1 || reject.Reason != wire.ReasonCancelled {
				t.Errorf("got %+v, %v", reject, err)
			}
		}
		if heard[wire.TypeData] != 2 || heard[wire.TypeReject] != 1 {
			t.Errorf("heard %v, want the two frames of the first chunk and one refusal", heard)
		}
	})
}

func TestNewsOfChunksIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 10_000, 1024)
		board := new(transfer.Board)
		server := serve.New(serve.Config{Library: partial{l}, Board: board})
		a := dial(t, server, "peer")
		a.say(wire.Hello{Version: wire.Version, File: l.file.ID})
		a.hear(wire.TypeWelcome)
		have, err := wire.ParseHave(wire.TypeHaveBits, a.hear(wire.TypeHaveBits), l.file.Chunks())
		if err != nil || have.Count() != 0 {
			t.Fatalf("have %d, %v", have.Count(), err)
		}
		board.Post(shoal.Chunk{File: l.file.ID, Index: 7})
		more, err := wire.ParseHaveMore(a.hear(wire.TypeHaveMore), l.file.Chunks())
		if err != nil || len(more) != 1 || more[0] != 7 {
			t.Errorf("heard %v, %v", more, err)
		}
	})
}

// partial is a library that has nothing durable yet.
type partial struct{ *library }

func (p partial) Has(context.Context, shoal.FileID) (content.Bitmap, error) {
	return content.NewBitmap(p.file.Chunks()), nil
}

func TestDownloadersAreToldOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 100, 1024)
		server := serve.New(serve.Config{Library: l, AddrsOf: func(id shoal.NodeID) []string { return []string{"/ip4/10.0.0.1/tcp/1"} }})
		dial(t, server, "first").greet(l)
		second := dial(t, server, "second")
		second.greet(l)
		peers, err := wire.ParsePeers(second.hear(wire.TypePeers))
		if err != nil || len(peers.Peers) != 1 || peers.Peers[0].Node != "first" {
			t.Errorf("told of %+v, %v", peers, err)
		}
	})
}

func TestBoundsHold(t *testing.T) {
	for name, abuse := range map[string]func(a *asker, l *library){
		"no hello":              func(a *asker, _ *library) { a.try(span(0, 0, 1)) },
		"hello twice":           func(a *asker, l *library) { a.greet(l); a.try(wire.Hello{File: l.file.ID}) },
		"outside the chunk":     func(a *asker, l *library) { a.greet(l); a.try(span(0, 0, 5000)) },
		"outside the file":      func(a *asker, l *library) { a.greet(l); a.try(span(99, 0, 1)) },
		"silence before hello":  func(*asker, *library) {},
		"silence after welcome": func(a *asker, l *library) { a.greet(l) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(t, 10_000, 4096)
				a := dial(t, serve.New(serve.Config{Library: l}), "peer")
				abuse(a, l)
				a.hangsUp()
			})
		})
	}
}

func TestSessionsOfOnePeerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 100, 1024)
		server := serve.New(serve.Config{Library: l})
		for range serve.MaxPeerSessions {
			dial(t, server, "greedy").greet(l)
		}
		one := dial(t, server, "greedy")
		bye, err := wire.ParseGoodbye(one.hear(wire.TypeGoodbye))
		if err != nil || bye.Reason != wire.ReasonBusy {
			t.Errorf("got %+v, %v", bye, err)
		}
		dial(t, server, "another").greet(l)
		if got := server.Sessions(); got != serve.MaxPeerSessions+1 {
			t.Errorf("%d sessions, want %d", got, serve.MaxPeerSessions+1)
		}
	})
}

func TestRequestsWithoutReadingEndTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20, 512<<10)
		a := dial(t, serve.New(serve.Config{Library: l}), "peer")
		a.greet(l)
		for range 100_000 {
			if _, err := a.conn.Write(span(0, 0, 1).Append(nil)); err != nil {
				return
			}
		}
		t.Error("the server took 100,000 requests without an answer read")
	})
}

func TestUploadLimitIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1 << 20
		l := newLibrary(t, 4<<20, 512<<10)
		a := dial(t, serve.New(serve.Config{Library: l, UploadLimit: limit}), "peer")
		a.greet(l)
		start := time.Now()
		for chunk := range l.file.Chunks() {
			a.say(span(chunk, 0, 0))
			for range 2 {
				a.hear(wire.TypeData)
			}
		}
		if took, least := time.Since(start), 3*time.Second; took < least {
			t.Errorf("4 MiB at 1 MiB/s took %v", took)
		}
	})
}
