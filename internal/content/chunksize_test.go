package content_test

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

func TestParseChunkSize(t *testing.T) {
	for n := range int64(70000) {
		want := n >= 1024 && n&(n-1) == 0
		if _, err := content.ParseChunkSize(n); (err == nil) != want {
			t.Errorf("ParseChunkSize(%d): %v", n, err)
		}
	}
	for _, bad := range []int64{math.MinInt64, -1024, 48 << 20, 64 << 20, 1 << 42, math.MaxInt64} {
		if _, err := content.ParseChunkSize(bad); !errors.Is(err, shoal.Usage) {
			t.Errorf("ParseChunkSize(%d): %v", bad, err)
		}
	}
	if cs, err := content.ParseChunkSize(32 << 20); cs != content.MaxChunkSize || err != nil {
		t.Errorf("ParseChunkSize(32 MiB) = %d, %v", cs, err)
	}
}

func TestDefaultChunkSize(t *testing.T) {
	for _, c := range []struct {
		size int64
		want content.ChunkSize
	}{
		{0, 256 << 10},
		{256 << 20, 256 << 10},
		{256<<20 + 1, 512 << 10},
		{512 << 20, 512 << 10},
		{1 << 30, 1 << 20},
		{2<<30 + 1, 4 << 20},
		{4<<30 + 1, 4 << 20},
		{16 << 40, 4 << 20},
		{16<<40 + 1, 8 << 20},
		{content.MaxSize, 32 << 20},
	} {
		if got := content.DefaultChunkSize(c.size); got != c.want {
			t.Errorf("DefaultChunkSize(%d) = %d, want %d", c.size, got, c.want)
		}
	}
}

// TestChunksCoverTheFile says the same of every shape.
func TestChunksCoverTheFile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cs := chunkSizes(content.MaxChunkSize).Draw(rt, "chunk size")
		f := content.File{ChunkSize: cs, Size: rapid.Int64Range(0, content.MaxChunks*int64(cs)).Draw(rt, "size")}
		n := f.Chunks()
		if n < 0 || n > content.MaxChunks || (n == 0) != (f.Size == 0) {
			rt.Fatalf("%d chunks", n)
		}
		if n > 0 && f.ChunkOffset(n-1)+int64(f.ChunkLen(n-1)) != f.Size {
			rt.Fatalf("last chunk is %d bytes at %d", f.ChunkLen(n-1), f.ChunkOffset(n-1))
		}
		if n > 1 && f.ChunkLen(0) != int(cs) || n > 0 && f.ChunkLen(n-1) < 1 {
			rt.Fatalf("first chunk has %d bytes, last %d", f.ChunkLen(0), f.ChunkLen(n-1))
		}
		if content.ChunkSize(1)<<cs.Log2() != cs {
			rt.Fatalf("log2 is %d", cs.Log2())
		}
		if content.DefaultChunkSize(f.Size).Chunks(f.Size) > content.MaxChunks {
			rt.Fatal("default chunk size gives too many chunks")
		}
	})
}
