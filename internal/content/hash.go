package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// ErrSize means that a reader does not hold as many bytes as it was said to:
// the file behind it is being changed.
var ErrSize = errors.New("not as long as it was said to be")

// HashReaderAt works out which file the size bytes of r are when cut at cs, on
// all cores, which read r at the same time. It blocks until that is done or
// ctx ends. It needs 256 KiB for each core. Progress, which may be nil, is
// called on the caller's goroutine with the bytes hashed since the last call.
// Errors: shoal.Usage for a size or chunk size out of bounds; ErrSize if r has
// fewer or more bytes; those of r and of ctx.
func HashReaderAt(ctx context.Context, r io.ReaderAt, size int64, cs ChunkSize, progress func(n int64)) (File, error) {
	f, err := newFile(size, cs)
	if err != nil {
		return File{}, err
	}
	feed := &feed{from: r, spans: spans{file: f}}
	if progress == nil {
		progress = func(int64) {}
	}
	return hash(ctx, f, feed, progress)
}

// hash fills in the hash list and the id of f.
func hash(ctx context.Context, f File, feed *feed, progress func(n int64)) (File, error) {
	err := hashChunks(ctx, f, feed, progress)
	if err == nil {
		err = feed.end()
	}
	if err != nil {
		return File{}, fmt.Errorf("hash: %w", err)
	}
	f.ID = f.List.Root(f.Size, f.ChunkSize)
	return f, nil
}

// hashChunks fills in the hash list of f, with one worker for each core.
func hashChunks(ctx context.Context, f File, feed *feed, progress func(n int64)) error {
	workers := min(runtime.GOMAXPROCS(0), spanCount(f.Size))
	hashed := make(chan int64, workers)
	g, ctx := errgroup.WithContext(ctx)
	for range workers {
		w := newWorker(f, feed, hashed)
		g.Go(func() error { return w.run(ctx) })
	}
	go func() {
		_ = g.Wait() // the error is returned below
		close(hashed)
	}()
	for n := range hashed {
		progress(n)
	}
	return g.Wait()
}
