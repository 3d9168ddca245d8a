package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"lukechampine.com/blake3/guts"

	"shoal"
)

// unitSize is what one core hashes at a time: small enough for its own cache,
// large enough to be worth a read.
const unitSize = 256 << 10

// HashReaderAt hashes the size bytes of r on all cores, and returns the file
// they are when cut into chunks of cs. progress, which may be nil, is called
// with the bytes hashed since it was last called, by one goroutine at a time. A
// reader that ends early is io.ErrUnexpectedEOF; bytes behind size are not
// looked at. The memory used is one unit of 256 KiB for each core.
func HashReaderAt(ctx context.Context, r io.ReaderAt, size int64, cs ChunkSize, progress func(n int64)) (File, error) {
	u, err := newUnits(size, cs)
	if err != nil {
		return File{}, err
	}
	var next atomic.Int64
	var told sync.Mutex // makes calls of progress one at a time
	work := func(ctx context.Context) error {
		w := newUnitHasher(u)
		for i := int(next.Add(1)) - 1; i < len(u.list) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			unit := w.buf[:u.length(i)]
			if n, err := r.ReadAt(unit, int64(i)*int64(u.size)); n < len(unit) {
				return fmt.Errorf("read: %w", unexpected(err))
			}
			w.hash(i, unit)
			if progress != nil {
				told.Lock()
				progress(int64(len(unit)))
				told.Unlock()
			}
		}
		return ctx.Err()
	}
	if err := onAllCores(ctx, work); err != nil {
		return File{}, err
	}
	return u.file(cs), nil
}

// HashReader is HashReaderAt for what can only be read once: exactly size
// bytes, then the end. Fewer is io.ErrUnexpectedEOF, more is an error as well.
func HashReader(ctx context.Context, r io.Reader, size int64, cs ChunkSize) (File, error) {
	u, err := newUnits(size, cs)
	if err != nil {
		return File{}, err
	}
	next := 0
	var reading sync.Mutex // guards r and next: units are read in order, by whoever is free
	work := func(ctx context.Context) error {
		w := newUnitHasher(u)
		for ctx.Err() == nil {
			reading.Lock()
			i := next
			if i >= len(u.list) {
				reading.Unlock()
				return nil
			}
			next++
			unit := w.buf[:u.length(i)]
			_, err := io.ReadFull(r, unit)
			reading.Unlock()
			if err != nil {
				return fmt.Errorf("read: %w", unexpected(err))
			}
			w.hash(i, unit)
		}
		return ctx.Err()
	}
	if err := onAllCores(ctx, work); err != nil {
		return File{}, err
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return File{}, fmt.Errorf("there are more than %d bytes: %w", size, shoal.Usage)
	}
	return u.file(cs), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// onAllCores runs work once on each core and returns the first error, which
// also ends the others' context.
func onAllCores(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			if err := work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// units is a file being hashed: a level of its tree at or below that of its
// chunks, at which the cores share the work.
type units struct {
	total int64
	size  ChunkSize
	list  HashList
}

func newUnits(size int64, cs ChunkSize) (*units, error) {
	if _, err := ParseChunkSize(int64(cs)); err != nil {
		return nil, err
	}
	if size < 0 || size > int64(cs)*MaxChunks {
		return nil, fmt.Errorf("size %d is not from 0 to %d chunks of %d bytes: %w", size, MaxChunks, cs, shoal.Usage)
	}
	unit := min(cs, unitSize)
	return &units{total: size, size: unit, list: make(HashList, unit.Chunks(size))}, nil
}

// length of unit i in bytes.
func (u *units) length(i int) int64 {
	return min(int64(u.size), u.total-int64(i)*int64(u.size))
}

// file is what came out when all units are hashed.
func (u *units) file(cs ChunkSize) File {
	f := File{Size: u.total, ChunkSize: cs, List: u.list.fold(int(cs / u.size))}
	f.ID = f.List.Root(f.Size, cs)
	return f
}

// unitHasher is what one core needs.
type unitHasher struct {
	units *units
	tree  subtree
	buf   []byte
}

func newUnitHasher(u *units) *unitHasher {
	return &unitHasher{units: u, buf: make([]byte, min(int64(u.size), u.total))}
}

// hash sets the value of unit i.
func (w *unitHasher) hash(i int, unit []byte) {
	w.tree.reset(uint64(i)*uint64(w.units.size)/guts.ChunkSize, len(unit))
	w.tree.write(unit)
	var flags uint32
	if len(w.units.list) == 1 {
		flags = guts.FlagRoot
	}
	w.units.list[i] = output(w.tree.node(), flags)
}
