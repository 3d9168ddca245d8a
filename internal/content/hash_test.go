package content_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"lukechampine.com/blake3"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

const largest = 4<<20 + 1

// TestIDIsBLAKE3 holds the tree of this package against an implementation
// that shares only the compression function with it.
func TestIDIsBLAKE3(t *testing.T) {
	data := pattern(largest)
	rapid.Check(t, func(rt *rapid.T) {
		part := data[:sizes(largest).Draw(rt, "size")]
		cs := chunkSizes(content.MaxChunkSize).Draw(rt, "chunk size")
		f := hashed(t, part, cs)
		if want := shoal.FileID(blake3.Sum256(part)); f.ID != want {
			rt.Fatalf("id %s, want %s", f.ID, want)
		}
		if err := f.Check(); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestIDForEveryShape is the same for every chunk size at the sizes where
// something changes.
func TestIDForEveryShape(t *testing.T) {
	data := pattern(1<<20 + 1)
	for _, size := range []int{0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 16383, 16384, 16385, 1<<18 - 1, 1 << 18, 1<<18 + 1, 3<<18 + 5, 1 << 20, 1<<20 + 1} {
		want := shoal.FileID(blake3.Sum256(data[:size]))
		for cs := content.MinChunkSize; cs <= content.MaxChunkSize; cs *= 2 {
			f := hashed(t, data[:size], cs)
			if f.ID != want {
				t.Errorf("size %d, chunk size %d: id %s, want %s", size, cs, f.ID, want)
			}
			if len(f.List) != f.Chunks() {
				t.Errorf("size %d, chunk size %d: %d values for %d chunks", size, cs, len(f.List), f.Chunks())
			}
		}
	}
}

// TestLargeChunks hashes chunks of many spans, more than one of them.
func TestLargeChunks(t *testing.T) {
	data := pattern(2*int(content.MaxChunkSize) + 12345)
	f := hashed(t, data, content.MaxChunkSize)
	if want := shoal.FileID(blake3.Sum256(data)); f.ID != want {
		t.Fatalf("id %s, want %s", f.ID, want)
	}
	for i := range f.Chunks() {
		if err := f.Verify(i, chunk(f, data, i)); err != nil {
			t.Error(err)
		}
	}
}

// TestProgressAddsUp needs no lock: the race detector would see that progress
// is called on another goroutine.
func TestProgressAddsUp(t *testing.T) {
	data := pattern(3<<20 + 7)
	for _, cs := range []content.ChunkSize{content.MinChunkSize, 256 << 10, 2 << 20} {
		var sum int64
		_, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(len(data)), cs, func(n int64) { sum += n })
		if err != nil {
			t.Fatal(err)
		}
		if sum != int64(len(data)) {
			t.Errorf("chunk size %d: progress adds up to %d of %d bytes", cs, sum, len(data))
		}
	}
}

// TestWrongLength gives files that shrank or grew since they were measured.
func TestWrongLength(t *testing.T) {
	data := pattern(1 << 20)
	for _, said := range []int{0, 1, 1<<20 - 1, 1<<20 + 1, 1<<20 + spanSize, 2 << 20} {
		for _, cs := range []content.ChunkSize{1 << 10, 256 << 10, 1 << 20} {
			if _, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(said), cs, nil); !errors.Is(err, content.ErrSize) {
				t.Errorf("HashReaderAt of %d bytes said to be %d: %v", len(data), said, err)
			}
		}
	}
}

// spanSize is how many bytes are read at a time.
const spanSize = 256 << 10

// TestReadError passes on what the reader says, and leaves no goroutine behind.
func TestReadError(t *testing.T) { synctest.Test(t, testReadError) }

func testReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, good := range []int{0, 1, 300 << 10, 1 << 20} {
		r := &brokenReader{good: pattern(good), err: broken}
		if _, err := content.HashReaderAt(t.Context(), r, 1<<20, 256<<10, nil); !errors.Is(err, broken) {
			t.Errorf("HashReaderAt with an error after %d bytes: %v", good, err)
		}
	}
}

// brokenReader reads good, and nothing after it.
type brokenReader struct {
	good []byte
	err  error
}

func (r *brokenReader) ReadAt(p []byte, offset int64) (int, error) {
	n := 0
	if offset < int64(len(r.good)) {
		n = copy(p, r.good[offset:])
	}
	if n < len(p) {
		return n, r.err
	}
	return n, nil
}

// TestEndedContext gives up, in the middle as at the start, and leaves no
// goroutine behind: a bubble does not end before all in it have.
func TestEndedContext(t *testing.T) { synctest.Test(t, testEndedContext) }

func testEndedContext(t *testing.T) {
	data := pattern(4 << 20)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := content.HashReaderAt(ctx, bytes.NewReader(data), int64(len(data)), 256<<10, func(int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("HashReaderAt ended in the middle: %v", err)
	}
	if _, err = content.HashReaderAt(ctx, bytes.NewReader(data), int64(len(data)), 256<<10, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("HashReaderAt ended at the start: %v", err)
	}
}

// TestHashRefusesBadShapes does not get as far as reading.
func TestHashRefusesBadShapes(t *testing.T) {
	for _, shape := range []struct {
		size int64
		cs   content.ChunkSize
	}{
		{-1, content.MinChunkSize},
		{0, 0},
		{1, -1024},
		{1, 3 << 10},
		{1, content.MaxChunkSize * 2},
		{content.MaxSize + 1, content.MaxChunkSize},
		{int64(content.MaxChunks)*1024 + 1, content.MinChunkSize},
	} {
		if _, err := content.HashReaderAt(t.Context(), nil, shape.size, shape.cs, nil); !errors.Is(err, shoal.Usage) {
			t.Errorf("HashReaderAt of %d bytes cut at %d: %v", shape.size, shape.cs, err)
		}
	}
}
