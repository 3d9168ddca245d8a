package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/sums"
)

const benchBytes = 64 << 20

// BenchmarkGet reads chunks beside a plain pread and a verification of the
// same bytes, which is what it must do.
func BenchmarkGet(b *testing.B) {
	for _, cs := range []content.ChunkSize{256 << 10, 4 << 20} {
		s := openStore(b, b.TempDir())
		f := newSample(b, 1, benchBytes, cs)
		putAll(b, s, f)
		buf := make([]byte, cs)
		b.Run(fmt.Sprintf("store/%d", cs), func(b *testing.B) {
			b.SetBytes(int64(cs))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, err := s.Get(b.Context(), f.ref(i%f.Chunks()), buf)
				must(b, err)
			}
		})
		plain := openSource(b, filepath.Join(s.dir, layout.DataName(f.ID)))
		b.Run(fmt.Sprintf("plain/%d", cs), func(b *testing.B) {
			b.SetBytes(int64(cs))
			for i := 0; b.Loop(); i++ {
				_, err := plain.ReadAt(buf, f.ChunkOffset(i%f.Chunks()))
				must(b, err)
				must(b, f.Verify(i%f.Chunks(), buf))
			}
		})
	}
}

// BenchmarkProof takes the sum of a chunk that is in the processor's cache, and
// the hash of it: what believing it costs either way.
func BenchmarkProof(b *testing.B) {
	for _, cs := range []content.ChunkSize{4 << 10, 256 << 10, 4 << 20} {
		f := newSample(b, 1, int(cs)+1, cs)
		b.Run(fmt.Sprintf("sum/%d", cs), func(b *testing.B) {
			b.SetBytes(int64(cs))
			for b.Loop() {
				sums.Of(f.chunk(0))
			}
		})
		b.Run(fmt.Sprintf("hash/%d", cs), func(b *testing.B) {
			b.SetBytes(int64(cs))
			for b.Loop() {
				must(b, f.Verify(0, f.chunk(0)))
			}
		})
	}
}

// BenchmarkPut writes a file chunk by chunk and syncs it, beside plain pwrites
// and a sync.
func BenchmarkPut(b *testing.B) {
	for _, cs := range []content.ChunkSize{256 << 10, 4 << 20} {
		f := newSample(b, 1, benchBytes, cs)
		b.Run(fmt.Sprintf("store/%d", cs), func(b *testing.B) {
			s := openStore(b, b.TempDir())
			b.SetBytes(f.Size)
			b.ReportAllocs()
			for b.Loop() {
				putAll(b, s, f)
				b.StopTimer()
				must(b, s.Delete(b.Context(), f.ID))
				b.StartTimer()
			}
		})
		b.Run(fmt.Sprintf("plain/%d", cs), func(b *testing.B) {
			b.SetBytes(f.Size)
			for b.Loop() {
				plain, err := os.Create(filepath.Join(b.TempDir(), "plain"))
				must(b, err)
				for i := range f.Chunks() {
					_, err := plain.WriteAt(f.chunk(i), f.ChunkOffset(i))
					must(b, err)
				}
				must(b, plain.Sync())
				must(b, plain.Close())
			}
		})
	}
}

// BenchmarkImport adds a large file that is in the page cache, beside the copy
// alone and the hash alone.
func BenchmarkImport(b *testing.B) {
	f := newSample(b, 1, 256<<20, 1<<20)
	src := openSource(b, tempFile(b, f))
	b.Run("store", func(b *testing.B) {
		s := openStore(b, b.TempDir())
		b.SetBytes(f.Size)
		for b.Loop() {
			_, err := s.Import(b.Context(), src, f.ChunkSize, nil)
			must(b, err)
			b.StopTimer()
			must(b, s.Delete(b.Context(), f.ID))
			b.StartTimer()
		}
	})
	b.Run("hash", func(b *testing.B) {
		b.SetBytes(f.Size)
		for b.Loop() {
			_, err := content.HashReaderAt(b.Context(), src, f.Size, f.ChunkSize, nil)
			must(b, err)
		}
	})
	b.Run("cp", func(b *testing.B) {
		b.SetBytes(f.Size)
		dst := filepath.Join(b.TempDir(), "copy")
		for b.Loop() {
			_, err := src.Seek(0, 0)
			must(b, err)
			out, err := os.Create(dst)
			must(b, err)
			_, err = out.ReadFrom(src) // copy_file_range
			must(b, err)
			must(b, out.Close())
		}
	})
}

// BenchmarkSmall adds and gets files of 4 KiB, 64 at a time.
func BenchmarkSmall(b *testing.B) {
	b.Run("import", func(b *testing.B) {
		s := openStore(b, b.TempDir())
		dir := b.TempDir()
		var n atomic.Uint64
		each(b, func() error {
			f := newSample(b, n.Add(1), 4<<10, content.DefaultChunkSize(4<<10))
			src, err := os.Open(f.on(b, filepath.Join(dir, f.ID.Short())))
			if err != nil {
				return err
			}
			defer src.Close()
			_, err = s.Import(b.Context(), src, 0, nil)
			return err
		})
	})
	b.Run("output", func(b *testing.B) {
		s := openStore(b, b.TempDir())
		dir := b.TempDir()
		var n atomic.Uint64
		each(b, func() error {
			f := newSample(b, n.Add(1), 4<<10, content.DefaultChunkSize(4<<10))
			o, err := s.Output(b.Context(), f.File, filepath.Join(dir, f.ID.Short()), Refuse)
			if err != nil {
				return err
			}
			defer o.Close()
			if err := o.Put(b.Context(), 0, f.data); err != nil {
				return err
			}
			return o.Finish(b.Context())
		})
	})
	b.Run("get", func(b *testing.B) {
		s := openStore(b, b.TempDir())
		ids := make([]shoal.FileID, 2000)
		var wg sync.WaitGroup
		for i := range ids {
			f := newSample(b, uint64(i), 4<<10, content.DefaultChunkSize(4<<10))
			ids[i] = f.ID
			wg.Go(func() { putAll(b, s, f) })
		}
		wg.Wait()
		buf := make([]byte, 4<<10)
		for i := 0; b.Loop(); i++ {
			_, err := s.Get(b.Context(), shoal.Chunk{File: ids[i%len(ids)]}, buf)
			must(b, err)
		}
	})
}

// each does it b.N times, 64 at once, and reports how many a second.
func each(b *testing.B, do func() error) {
	var g errgroup.Group
	g.SetLimit(64)
	for b.Loop() {
		g.Go(do)
	}
	must(b, g.Wait())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
}
