package serve_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/serve"
)

// longList is a library of one file with a hash list of many frames, which is
// loaded each time it is asked for.
type longList struct {
	file  content.File
	loads atomic.Int32
}

func (l *longList) File(context.Context, shoal.FileID) (content.File, error) {
	l.loads.Add(1)
	return l.file, nil
}

func (l *longList) Has(context.Context, shoal.FileID) (content.Bitmap, error) {
	return content.FullBitmap(l.file.Chunks()), nil
}

func (l *longList) Get(context.Context, shoal.Chunk, []byte) (int, error) { return 0, shoal.NotFound }

// measured is a stream that knows the longest write.
type measured struct {
	stream
	longest *atomic.Int64
}

func (m measured) Write(p []byte) (int, error) {
	m.longest.Store(max(m.longest.Load(), int64(len(p))))
	return m.stream.Write(p)
}

// Sessions that ask for the hash list and do not read it hold one list between
// them all, and no more of their own than a frame.
func TestHashListIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chunks = 5*wire.MaxListCVs + 1
		l := &longList{file: content.File{ID: shoal.FileID{1}, Size: chunks << 10, ChunkSize: 1 << 10, List: make(content.HashList, chunks)}}
		server := serve.New(serve.Config{Library: l})
		var longest atomic.Int64
		var wg sync.WaitGroup
		begin := func() net.Conn {
			ours, theirs := net.Pipe()
			wg.Go(func() { server.Serve(t.Context(), measured{stream{theirs, "evil"}, &longest}) })
			hello := wire.Hello{Version: wire.Version, WantList: true, File: l.file.ID}.Append(nil)
			if _, err := ours.Write(hello); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, ours, 1); err != nil {
				t.Fatal(err)
			}
			return ours
		}
		var conns []net.Conn
		for range 16 {
			conns = append(conns, begin())
		}
		if got := l.loads.Load(); got != 1 {
			t.Errorf("the list was loaded %d times for sessions at one time", got)
		}
		for _, c := range conns {
			a := asker{t, c}
			if _, err := io.CopyN(io.Discard, c, wire.HeaderSize+11-1); err != nil { // the rest of the welcome
				t.Fatal(err)
			}
			for heard := 0; heard < chunks; {
				m, err := wire.ParseList(a.hear(wire.TypeList))
				if err != nil || m.First != heard {
					t.Fatalf("part from %d, want %d: %v", m.First, heard, err)
				}
				heard += len(m.CVs)
			}
			a.hear(wire.TypeHaveAll)
		}
		if got := longest.Load(); got > wire.MaxListCVs*32+1024 {
			t.Errorf("a write of %d bytes", got)
		}
		synctest.Wait()
		conns = append(conns, begin())
		if got := l.loads.Load(); got != 2 {
			t.Errorf("the list was kept when nobody was being told it: %d loads", got)
		}
		for _, c := range conns {
			c.Close()
		}
		wg.Wait()
	})
}
