package content_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

// TestVerify accepts every chunk, and none with a flipped bit.
func TestVerify(t *testing.T) {
	data := pattern(1<<20 + 1)
	rapid.Check(t, func(rt *rapid.T) {
		part := data[:max(1, sizes(len(data)).Draw(rt, "size"))]
		cs := chunkSizes(content.MaxChunkSize).Draw(rt, "chunk size")
		f := hashed(t, part, cs)
		i := rapid.IntRange(0, f.Chunks()-1).Draw(rt, "chunk")
		bytes := slices.Clone(chunk(f, part, i))
		if err := f.Verify(i, bytes); err != nil {
			rt.Fatal(err)
		}
		bit := rapid.IntRange(0, 8*len(bytes)-1).Draw(rt, "bit")
		bytes[bit/8] ^= 1 << (bit % 8)
		if err := f.Verify(i, bytes); !errors.Is(err, shoal.Integrity) {
			rt.Fatalf("bit %d flipped: %v", bit, err)
		}
		h := hasher(f, i)
		h.Write(bytes)
		if err := h.Verify(); !errors.Is(err, shoal.Integrity) {
			rt.Fatalf("bit %d flipped, in pieces: %v", bit, err)
		}
	})
}

// TestVerifyEveryBit leaves no bit of a small file unturned.
func TestVerifyEveryBit(t *testing.T) {
	data := pattern(2500)
	f := hashed(t, data, 1024)
	for bit := range 8 * len(data) {
		data[bit/8] ^= 1 << (bit % 8)
		i := bit / 8 / 1024
		if err := f.Verify(i, chunk(f, data, i)); !errors.Is(err, shoal.Integrity) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
		data[bit/8] ^= 1 << (bit % 8)
	}
}

// TestVerifyRefuses another chunk's bytes, other lengths and other places.
func TestVerifyRefuses(t *testing.T) {
	data := make([]byte, 5000) // all chunks alike, but for where they are
	f := hashed(t, data, 1024)
	if f.List[0] == f.List[1] {
		t.Error("equal bytes at different offsets have the same value")
	}
	for _, n := range []int{0, 1, 903, 905, 1023, 1025, 5000} {
		for _, i := range []int{0, 4} {
			if err := f.Verify(i, data[:n]); !errors.Is(err, shoal.Integrity) {
				t.Errorf("%d bytes as chunk %d: %v", n, i, err)
			}
		}
	}
	for _, i := range []int{-1, 5, 1 << 40} {
		if err := f.Verify(i, data[:1024]); !errors.Is(err, shoal.Usage) {
			t.Errorf("chunk %d of 5: %v", i, err)
		}
	}
	f.List = f.List[:2]
	if err := f.Verify(3, data[:1024]); !errors.Is(err, shoal.Usage) {
		t.Errorf("chunk without a value: %v", err)
	}
}

// TestCheckRefuses has one fault at a time.
func TestCheckRefuses(t *testing.T) {
	good := hashed(t, pattern(5000), 1024)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		fault func(f *content.File)
		want  shoal.Code
	}{
		{"negative size", func(f *content.File) { f.Size = -1 }, shoal.Usage},
		{"huge size", func(f *content.File) { f.Size, f.ChunkSize = content.MaxSize+1, content.MaxChunkSize }, shoal.Usage},
		{"too many chunks", func(f *content.File) { f.Size = content.MaxChunks*1024 + 1 }, shoal.Usage},
		{"no chunk size", func(f *content.File) { f.ChunkSize = 0 }, shoal.Usage},
		{"odd chunk size", func(f *content.File) { f.ChunkSize = 1025 }, shoal.Usage},
		{"short list", func(f *content.File) { f.List = f.List[:4] }, shoal.Integrity},
		{"long list", func(f *content.File) { f.List = append(f.List, content.CV{}) }, shoal.Integrity},
		{"other size", func(f *content.File) { f.Size = 6000 }, shoal.Integrity},
		{"other chunk size", func(f *content.File) { f.ChunkSize = 2048 }, shoal.Integrity},
		{"other id", func(f *content.File) { f.ID[31] ^= 1 }, shoal.Integrity},
		{"other value", func(f *content.File) { f.List[4][0] ^= 1 }, shoal.Integrity},
		{"swapped values", func(f *content.File) { f.List[0], f.List[1] = f.List[1], f.List[0] }, shoal.Integrity},
		{"empty with a list", func(f *content.File) { f.Size = 0 }, shoal.Integrity},
		{"empty with another id", func(f *content.File) { f.Size, f.List = 0, nil }, shoal.Integrity},
	} {
		f := good
		f.List = slices.Clone(good.List)
		c.fault(&f)
		if err := f.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
