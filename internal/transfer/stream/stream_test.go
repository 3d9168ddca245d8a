package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
	"shoal/internal/transfer/stream"
)

// world is a file of which some chunks are here, and a fetch that brings the
// others when they are wanted.
type world struct {
	file  content.File
	data  []byte
	board transfer.Board

	mu    sync.Mutex // guards the rest
	here  content.Bitmap
	wants []string
	fail  error
	done  chan struct{}
}

func newWorld(t *testing.T, size int64, here ...int) *world {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i % 251)
	}
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), size, 1024, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{file: f, data: data, here: content.NewBitmap(f.Chunks()), done: make(chan struct{})}
	for _, i := range here {
		if i < f.Chunks() {
			w.here.Set(i)
		}
	}
	return w
}

func (w *world) Get(_ context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.here.Has(chunk.Index) {
		return 0, shoal.NotFound
	}
	return copy(buf, w.data[w.file.ChunkOffset(chunk.Index):][:w.file.ChunkLen(chunk.Index)]), nil
}

func (w *world) Want(first, count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wants = append(w.wants, fmt.Sprintf("%d+%d", first, count))
	if w.fail != nil {
		close(w.done)
		return
	}
	for i := first; i < min(first+count, w.file.Chunks()); i++ {
		if w.here.Set(i) {
			w.board.Post(shoal.Chunk{File: w.file.ID, Index: i})
		}
	}
}

func (w *world) Done() <-chan struct{}      { return w.done }
func (w *world) Wait() (shoal.Stats, error) { <-w.done; return shoal.Stats{}, w.fail }

// open opens the file; its fetch ends when the reader is closed.
func (w *world) open(t *testing.T) *stream.Reader {
	return stream.New(t.Context(), stream.Config{File: w.file, Library: w, Board: &w.board, Start: func(ctx context.Context) stream.Fetch {
		if w.fail == nil {
			context.AfterFunc(ctx, func() { close(w.done) })
		}
		return w
	}})
}

func TestReadsWhatIsHereAndWhatIsNot(t *testing.T) {
	for _, size := range []int64{0, 1, 1023, 1024, 1025, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, size, 0, 3, 4)
			r := w.open(t)
			if err := iotest.TestReader(r, w.data); err != nil {
				t.Errorf("size %d: %v", size, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWholeFileHereStartsNoFetch(t *testing.T) {
	w := newWorld(t, 2048, 0, 1)
	r := stream.New(t.Context(), stream.Config{File: w.file, Library: w, Board: &w.board, Start: func(context.Context) stream.Fetch {
		t.Error("a fetch was started")
		return w
	}})
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, w.data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadAheadGrowsInSequenceAndNotOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 64<<10)
		r := w.open(t)
		defer r.Close()
		buf := make([]byte, 1024)
		for range 4 {
			if _, err := io.ReadFull(r, buf); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Seek(40<<10, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, buf); err != nil || !bytes.Equal(buf, w.data[40<<10:][:1024]) {
			t.Fatalf("after a seek: %v", err)
		}
		if want := []string{"0+2", "1+3", "2+5", "3+9", "40+2"}; !slices.Equal(w.wants, want) {
			t.Errorf("wanted %v, want %v", w.wants, want)
		}
	})
}

func TestFailedFetchFailsTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4096)
		w.fail = fmt.Errorf("nobody: %w", shoal.Network)
		r := w.open(t)
		defer r.Close()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, shoal.Network) {
			t.Errorf("read: %v, want network", err)
		}
	})
}

// forgetful is a fetch whose chunks are lost once they have come, so often.
type forgetful struct {
	*world
	losses *int
	has    content.Bitmap
}

func (f *forgetful) Want(first, count int) {
	if f.has.Has(first) {
		f.board.Post(shoal.Chunk{File: f.file.ID, Index: first})
		return
	}
	f.world.Want(first, 1)
	f.has.Set(first)
	if *f.losses > 0 {
		*f.losses--
		f.here.Clear(first)
	}
}

// A chunk that rots or is deleted between its coming and its being read is
// fetched again, a few times.
func TestLostChunkIsFetchedAgain(t *testing.T) {
	for losses, want := range map[int]error{1: nil, 2: nil, 100: shoal.Integrity} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1024)
			started := 0
			r := stream.New(t.Context(), stream.Config{File: w.file, Library: w, Board: &w.board, Start: func(ctx context.Context) stream.Fetch {
				if started++; started == 1 {
					context.AfterFunc(ctx, func() { close(w.done) })
				}
				return &forgetful{world: w, losses: &losses, has: content.NewBitmap(1)}
			}})
			if _, err := r.Read(make([]byte, 1)); !errors.Is(err, want) {
				t.Errorf("read: %v, want %v", err, want)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSeekBeforeTheStartIsRefused(t *testing.T) {
	w := newWorld(t, 10, 0)
	r := w.open(t)
	defer r.Close()
	if _, err := r.Seek(-1, io.SeekStart); !errors.Is(err, shoal.Usage) {
		t.Errorf("seek: %v, want usage", err)
	}
	if at, err := r.Seek(-3, io.SeekEnd); err != nil || at != 7 {
		t.Errorf("seek from the end: %d, %v", at, err)
	}
}
