package download

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/memory"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
	"shoal/internal/transfer/serve"
)

const chunkSize = 1024

// pair is a node, and a peer that has files and is reached at the address "peer".
type pair struct {
	t       *testing.T
	here    *memory.Store
	there   *memory.Store
	fetcher *Fetcher
	board   *transfer.Board
	traffic transfer.Traffic
	server  *serve.Server
	serving sync.WaitGroup
	ctx     context.Context
}

type pipe struct {
	net.Conn
	peer shoal.NodeID
}

func (p pipe) Reset()             { p.Conn.Close() }
func (p pipe) Peer() shoal.NodeID { return p.peer }

func newPair(t *testing.T) *pair {
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	p := &pair{t: t, here: memory.New(), there: memory.New(), board: new(transfer.Board), ctx: ctx}
	p.server = serve.New(serve.Config{
		Library: p.there, Board: new(transfer.Board), Tracker: new(transfer.Tracker), Log: log,
		AddrsOf: func(shoal.NodeID) []string { return nil }, Sent: func(shoal.NodeID, int) {},
	})
	engine := fetch.New(fetch.Config{Dial: p.dial, Self: "here", Received: p.traffic.Received, Board: p.board})
	p.fetcher = New(Config{
		Host: p, Store: p.here, Engine: engine, Tracker: new(transfer.Tracker), Log: log,
		Neighbours: func() []shoal.NodeID { return nil }, Title: func(id shoal.NodeID) string { return "the " + string(id) },
	})
	t.Cleanup(func() {
		cancel()
		p.fetcher.Wait()
		p.serving.Wait()
		if n := p.fetcher.Running(); n != 0 {
			t.Errorf("%d fetches run after Wait", n)
		}
	})
	return p
}

func (p *pair) Connect(_ context.Context, addr string) (shoal.NodeID, error) {
	<-time.After(time.Second) // a fetch waits for its sources to be found
	if addr != "peer" {
		return "", shoal.Network
	}
	return "peer", nil
}

func (p *pair) dial(_ context.Context, peer shoal.NodeID) (transfer.Stream, error) {
	ours, theirs := net.Pipe()
	p.serving.Go(func() { p.server.Serve(p.ctx, pipe{theirs, "here"}) })
	return pipe{ours, peer}, nil
}

// put has a store keep some chunks of a file that is made from a seed, and all if
// none is named.
func (p *pair) put(store *memory.Store, seed byte, size int64, chunks ...int) (content.File, []byte) {
	p.t.Helper()
	data := make([]byte, size)
	for i := range data {
		data[i] = seed + byte(i%251)
	}
	f, err := content.HashReaderAt(p.t.Context(), bytes.NewReader(data), size, chunkSize, nil)
	if err == nil {
		err = store.Create(p.t.Context(), f)
	}
	for i := range f.Chunks() {
		if err == nil && (len(chunks) == 0 || slices.Contains(chunks, i)) {
			err = store.Put(p.t.Context(), shoal.Chunk{File: f.ID, Index: i}, data[f.ChunkOffset(i):][:f.ChunkLen(i)])
		}
	}
	if err == nil {
		err = store.Sync(p.t.Context(), f.ID)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return f, data
}

// part is an Output in memory, which Finish writes to its path.
type part struct {
	path string
	file content.File
	have content.Bitmap
	data []byte
}

func (o *part) Has() content.Bitmap { return o.have.Clone() }

func (o *part) Put(_ context.Context, i int, data []byte) error {
	o.have.Set(i)
	copy(o.data[o.file.ChunkOffset(i):], data)
	return nil
}

func (o *part) PutRun(ctx context.Context, first int, chunks [][]byte) error {
	for i, data := range chunks {
		_ = o.Put(ctx, first+i, data)
	}
	return nil
}

func (o *part) Sync(context.Context) error   { return nil }
func (o *part) Finish(context.Context) error { return os.WriteFile(o.path, o.data, 0o600) }
func (o *part) Close() error                 { return nil }

func (p *pair) getter(resolve func(ref string) (Request, error), folder []Item) *Getter {
	return &Getter{
		Self: "here", Copies: 2, Store: p.here, Fetcher: p.fetcher, Serial: func() uint64 { return 1 },
		Output: func(_ context.Context, f content.File, path string, _ bool) (Output, error) {
			return &part{path, f, content.NewBitmap(f.Chunks()), make([]byte, f.Size)}, nil
		},
		Resolve: func(_ context.Context, ref string) (Request, error) { return resolve(ref) },
		Folder:  func(context.Context, string) ([]Item, error) { return folder, nil },
		Names:   func(context.Context, shoal.FileID) ([]shoal.Entry, error) { return nil, nil },
	}
}

// A get writes the file where it is told to, takes the chunks that are on this node
// from there, and fetches the rest from the address of the link.
func TestGetFetchesOnlyTheMissingChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		f, data := p.put(p.there, 1, 10*chunkSize)
		p.put(p.here, 1, 10*chunkSize, 2, 3, 7)
		g := p.getter(func(ref string) (Request, error) {
			return Request{Entry: shoal.Entry{ID: f.ID, Name: "photos/" + ref, Size: f.Size}, Addrs: []string{"nowhere", "peer"}}, nil
		}, nil)
		folder := t.TempDir()
		var last shoal.Event
		req := shoal.GetRequest{Items: []shoal.GetItem{{Ref: "a.jpg", Output: folder}}}
		if err := g.Get(t.Context(), req, func(e shoal.Event) { last = e }); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(folder, "a.jpg")); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if in, _ := p.traffic.Of("peer"); in != 7*chunkSize {
			t.Errorf("%d bytes were fetched, want those of 7 chunks", in)
		}
		if last.Type != shoal.EventDone || last.Entry.Copies != 2 || last.Stats.Sources[0].Name != "the peer" {
			t.Errorf("the last event is %+v", last)
		}
		if err := g.Get(t.Context(), req, nil); !errors.Is(err, shoal.Exists) {
			t.Errorf("the second get ended with %v, want Exists", err)
		}
	})
}

// The files of a folder lie below the output under their own paths.
func TestGetOfAFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		var items []Item
		for i, inside := range []string{"2024/a", "2024/sub/b"} {
			f, _ := p.put(p.there, byte(i), 100)
			items = append(items, Item{Request{Entry: shoal.Entry{ID: f.ID, Size: f.Size}, Sources: []shoal.NodeID{"peer"}}, inside})
		}
		folder := t.TempDir()
		g := p.getter(func(string) (Request, error) { return Request{}, shoal.NotFound }, items)
		err := g.Get(t.Context(), shoal.GetRequest{Items: []shoal.GetItem{{Ref: "photos/2024/", Output: folder}, {Ref: "gone", Output: folder}}}, nil)
		if !errors.Is(err, shoal.Partial) {
			t.Errorf("the get ended with %v, want Partial", err)
		}
		for _, item := range items {
			if _, err := os.Stat(filepath.Join(folder, item.Inside)); err != nil {
				t.Error(err)
			}
		}
	})
}

// cache counts who reads.
type cache struct {
	*memory.Store
	reading int
}

func (c *cache) Begin(shoal.FileID, int)                 { c.reading++ }
func (c *cache) End(context.Context, shoal.FileID) error { c.reading--; return nil }

// A file of which nothing is here is fetched as it is read. The fetch and the
// caching end with the reading.
func TestOpenFetchesAsItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		f, data := p.put(p.there, 1, 5*chunkSize+7)
		cache := &cache{Store: p.here}
		o := &Opener{Store: p.here, Quota: p.here, Cache: cache, Board: p.board, Fetcher: p.fetcher}
		ctx, cancel := context.WithCancel(t.Context())
		opened, err := o.Open(ctx, Request{Entry: shoal.Entry{ID: f.ID, Name: "a", Size: -1}, Sources: []shoal.NodeID{"peer"}}, cancel)
		if err != nil {
			t.Fatal(err)
		}
		if e := opened.Entry(); e.Size != f.Size || e.Name != "a" || cache.reading != 1 {
			t.Errorf("open: %+v, %d read it", e, cache.reading)
		}
		if got, err := io.ReadAll(opened); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := opened.Close(); err != nil || cache.reading != 0 {
			t.Errorf("close: %v, %d read it", err, cache.reading)
		}
	})
}

// The lock of a file is one holder's at a time, and another file's is free.
func TestKeyedLock(t *testing.T) {
	var k keyedLock
	a, b := shoal.FileID{1}, shoal.FileID{2}
	unlock, err := k.lock(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.lock(t.Context(), b); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(shoal.Interrupted)
	if _, err := k.lock(ctx, a); !errors.Is(err, shoal.Interrupted) {
		t.Errorf("a lock that is held was given: %v", err)
	}
	unlock()
	if _, err := k.lock(t.Context(), a); err != nil {
		t.Error(err)
	}
}
