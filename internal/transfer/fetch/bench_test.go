package fetch_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
	"shoal/internal/transfer/serve"
)

// BenchmarkFetch has one engine get a file from two servers over pipes: what
// fetch, serve and the hashing on both sides cost, without network and disk.
func BenchmarkFetch(b *testing.B) {
	const size = 64 << 20
	data := bytes.Repeat([]byte("shoal"), size/5+1)[:size]
	for _, cs := range []content.ChunkSize{16 << 10, 256 << 10, 4 << 20} {
		b.Run(fmt.Sprintf("chunks of %d KiB", cs>>10), func(b *testing.B) {
			f, err := content.HashReaderAt(b.Context(), bytes.NewReader(data), size, cs, nil)
			if err != nil {
				b.Fatal(err)
			}
			have := newShelf()
			have.fill(f, data)
			var serving sync.WaitGroup
			servers := map[shoal.NodeID]*serve.Server{}
			for _, id := range []shoal.NodeID{"a", "b"} {
				servers[id] = serve.New(serve.Config{Library: have})
			}
			engine := fetch.New(fetch.Config{Dial: func(_ context.Context, id shoal.NodeID) (transfer.Stream, error) {
				ours, theirs := net.Pipe()
				serving.Go(func() { servers[id].Serve(b.Context(), pipeStream{theirs, "get"}) })
				return pipeStream{ours, id}, nil
			}})
			b.SetBytes(size)
			for b.Loop() {
				_, err := engine.Run(b.Context(), fetch.Task{File: f.ID, SizeHint: -1, Sources: []shoal.NodeID{"a", "b"}, Open: newShelf().open})
				if err != nil {
					b.Fatal(err)
				}
			}
			serving.Wait()
		})
	}
}
