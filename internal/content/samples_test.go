package content_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"shoal/internal/content"
)

// pattern is the input of the official BLAKE3 test vectors.
func pattern(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i % 251)
	}
	return data
}

// sizes draws file sizes at and beside every boundary that the code knows:
// blocks, leaves, groups, spans and chunks, and powers of two of them.
func sizes(limit int) *rapid.Generator[int] {
	return rapid.Custom(func(t *rapid.T) int {
		edge := rapid.IntRange(1, 33).Draw(t, "edges") << rapid.IntRange(0, 18).Draw(t, "edge")
		return min(limit, max(0, edge+rapid.IntRange(-1, 1).Draw(t, "beside")))
	})
}

// chunkSizes draws any chunk size up to limit.
func chunkSizes(limit content.ChunkSize) *rapid.Generator[content.ChunkSize] {
	return rapid.Custom(func(t *rapid.T) content.ChunkSize {
		return content.MinChunkSize << rapid.IntRange(0, limit.Log2()-content.MinChunkSize.Log2()).Draw(t, "log2")
	})
}

// hashed is the file that data is when cut at cs.
func hashed(t testing.TB, data []byte, cs content.ChunkSize) content.File {
	t.Helper()
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(len(data)), cs, nil)
	if err != nil {
		t.Fatalf("hash %d bytes cut at %d: %v", len(data), cs, err)
	}
	return f
}

// chunk is chunk i of f, whose bytes are data.
func chunk(f content.File, data []byte, i int) []byte {
	return data[f.ChunkOffset(i):][:f.ChunkLen(i)]
}

// name writes n bytes in the unit that divides it.
func name(n int) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

// hasher is ready for the first byte of chunk i of f.
func hasher(f content.File, i int) *content.ChunkHasher {
	h := new(content.ChunkHasher)
	h.Reset(f, i)
	return h
}
