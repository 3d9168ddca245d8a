package content_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

// TestChunkHasherTakesAnyPieces uses one hasher for chunk after chunk.
func TestChunkHasherTakesAnyPieces(t *testing.T) {
	data := pattern(1<<20 + 1)
	h := new(content.ChunkHasher)
	rapid.Check(t, func(rt *rapid.T) {
		part := data[:max(1, sizes(len(data)).Draw(rt, "size"))]
		f := hashed(t, part, chunkSizes(content.MaxChunkSize).Draw(rt, "chunk size"))
		i := rapid.IntRange(0, f.Chunks()-1).Draw(rt, "chunk")
		h.Reset(f, i)
		for rest := chunk(f, part, i); len(rest) > 0; {
			if err := h.Verify(); !errors.Is(err, shoal.Integrity) {
				rt.Fatalf("with %d bytes missing: %v", len(rest), err)
			}
			n := min(len(rest), sizes(100<<10).Draw(rt, "piece"))
			h.Write(rest[:n])
			rest = rest[n:]
		}
		if err := h.Verify(); err != nil {
			rt.Fatal(err)
		}
		h.Write(nil)
		if err := h.Verify(); err != nil {
			rt.Fatalf("asked again: %v", err)
		}
		h.Write([]byte{0})
		if err := h.Verify(); !errors.Is(err, shoal.Integrity) {
			rt.Fatalf("one byte too many: %v", err)
		}
	})
}

// TestChunkHasherExcess puts the bytes that are too many in the same piece.
func TestChunkHasherExcess(t *testing.T) {
	data := pattern(100 << 10)
	f := hashed(t, data, 32<<10)
	h := hasher(f, 1)
	h.Write(data[32<<10:])
	if err := h.Verify(); !errors.Is(err, shoal.Integrity) {
		t.Error(err)
	}
}

func TestChunkHasherWithoutChunk(t *testing.T) {
	f := hashed(t, pattern(5000), 1024)
	for _, i := range []int{-1, 5} {
		h := hasher(f, i)
		h.Write(make([]byte, 1024))
		if err := h.Verify(); !errors.Is(err, shoal.Usage) {
			t.Errorf("chunk %d of 5: %v", i, err)
		}
	}
	h := hasher(hashed(t, nil, 1024), 0)
	if err := h.Verify(); !errors.Is(err, shoal.Usage) {
		t.Errorf("chunk of an empty file: %v", err)
	}
}

// TestNothingIsAllocated where a transfer hashes.
func TestNothingIsAllocated(t *testing.T) {
	data := pattern(300 << 10)
	for _, cs := range []content.ChunkSize{4 << 10, 64 << 10, 512 << 10} {
		f := hashed(t, data, cs)
		last := f.Chunks() - 1
		bytes := chunk(f, data, last)
		if n := testing.AllocsPerRun(100, func() { _ = f.Verify(last, bytes) }); n != 0 {
			t.Errorf("chunk size %d: Verify allocates %v times", cs, n)
		}
		h := hasher(f, 0)
		if n := testing.AllocsPerRun(100, func() { _ = verifyIn(h, f, last, bytes) }); n != 0 {
			t.Errorf("chunk size %d: ChunkHasher allocates %v times", cs, n)
		}
	}
}

// verifyIn verifies chunk i in pieces of an odd size.
func verifyIn(h *content.ChunkHasher, f content.File, i int, data []byte) error {
	const piece = 10007
	h.Reset(f, i)
	for len(data) > 0 {
		n := min(piece, len(data))
		h.Write(data[:n])
		data = data[n:]
	}
	return h.Verify()
}
