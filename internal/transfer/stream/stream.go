// Package stream reads a file in order, or from anywhere in it, while it is
// still being fetched: what is here is read here, and the fetch is told what
// will be needed next.
//
// It fetches nothing itself, and hands out verified bytes only.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
)

// Read-ahead starts with one chunk and doubles with every chunk that is read
// in sequence, as file systems do, so that a short range costs little and a
// long read keeps a long link busy.
const maxAhead = 16 << 20

// Library gives the chunks that are here; a storage.Reader has it. What is not
// here is shoal.NotFound.
type Library interface {
	Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error)
}

// Fetch gets what is not here; a fetch.Fetch on demand has it.
type Fetch interface {
	Want(first, count int)
	Done() <-chan struct{}
	Wait() (shoal.Stats, error)
}

// Config is what a Reader needs.
type Config struct {
	File    content.File
	Library Library
	Board   *transfer.Board

	// Fetch is already running, if it is not nil; its context is New's.
	Fetch Fetch

	// Start starts the fetch, if there is none, when the first chunk is found
	// missing. ctx ends when the Reader is closed.
	Start func(ctx context.Context) Fetch
}

// Reader is an io.ReadSeekCloser over the file's bytes, for one goroutine at a
// time. Reads block until the bytes are here, the fetch has failed, or the
// context given to New has ended.
type Reader struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	fetch  Fetch // that is asked now
	asked  []Fetch
	watch  *transfer.Watch

	offset int64
	loaded int // the chunk in buf; -1 if none
	buf    []byte
	ahead  int // chunks to want beyond the one being read
}

// New returns a reader at the file's start. It must be closed.
func New(ctx context.Context, cfg Config) *Reader {
	ctx, cancel := context.WithCancel(ctx)
	r := &Reader{cfg: cfg, ctx: ctx, cancel: cancel, loaded: -1, watch: cfg.Board.Watch(cfg.File.ID)}
	if cfg.Fetch != nil {
		r.ask(cfg.Fetch)
	}
	return r
}

// ask has a fetch asked from now on.
func (r *Reader) ask(f Fetch) { r.fetch, r.asked = f, append(r.asked, f) }

// Read reads up to the end of the current chunk.
func (r *Reader) Read(p []byte) (int, error) {
	if r.offset >= r.cfg.File.Size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	chunk := int(r.offset / int64(r.cfg.File.ChunkSize))
	if err := r.load(chunk); err != nil {
		return 0, err
	}
	n := copy(p, r.buf[r.offset-r.cfg.File.ChunkOffset(chunk):])
	r.offset += int64(n)
	return n, nil
}

// Seek moves to where the next Read starts. It does not block.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.cfg.File.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d, before the file's start: %w", offset, shoal.Usage)
	}
	r.offset = offset
	return offset, nil
}

// Close ends the fetch and waits for it.
func (r *Reader) Close() error {
	r.cancel()
	r.watch.Close()
	for _, f := range r.asked {
		<-f.Done()
	}
	return nil
}

// load brings a chunk into buf.
func (r *Reader) load(chunk int) error {
	if r.loaded == chunk {
		return nil
	}
	if chunk == r.loaded+1 && r.loaded >= 0 {
		r.ahead = max(1, min(2*r.ahead, maxAhead/int(r.cfg.File.ChunkSize)))
	} else {
		r.ahead = 1
	}
	r.loaded = -1
	if r.buf == nil {
		r.buf = make([]byte, min(int64(r.cfg.File.ChunkSize), r.cfg.File.Size))
	}
	if r.fetch != nil {
		r.fetch.Want(chunk, 1+r.ahead)
	}
	for losses := 0; ; losses++ {
		n, err := r.cfg.Library.Get(r.ctx, shoal.Chunk{File: r.cfg.File.ID, Index: chunk}, r.buf[:r.cfg.File.ChunkLen(chunk)])
		if err == nil {
			r.buf, r.loaded = r.buf[:n], chunk
			return nil
		}
		if !errors.Is(err, shoal.NotFound) {
			return err
		}
		switch losses {
		case 0:
		case maxLosses:
			return fmt.Errorf("chunk %d is lost as often as it comes: %w", chunk, shoal.Integrity)
		default: // it came and was lost again, rotten or deleted, and the fetch thinks that it is here
			r.fetch = nil
		}
		if err := r.await(chunk); err != nil {
			return err
		}
	}
}

// maxLosses is how often a chunk is fetched that is lost before it is read.
const maxLosses = 4

// await blocks until a chunk may have come.
func (r *Reader) await(chunk int) error {
	if r.fetch == nil {
		r.ask(r.cfg.Start(r.ctx))
		r.fetch.Want(chunk, 1+r.ahead)
	}
	for {
		select {
		case <-r.watch.C:
			if slices.Contains(r.watch.Take(), chunk) {
				return nil
			}
		case <-r.fetch.Done():
			_, err := r.fetch.Wait()
			if err == nil {
				err = r.ctx.Err()
			}
			if err == nil {
				err = shoal.Network
			}
			return fmt.Errorf("read chunk %d: %w", chunk, err)
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}
