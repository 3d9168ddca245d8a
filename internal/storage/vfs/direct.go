package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is written and read past the page cache (O_DIRECT, open(2)), as databases and
// object stores do: buffers that are large enough for the way to the disk not to
// count, and that lie as the strictest of disks wants them. docs/adr/0018 has the
// figures.
const (
	directLeast = 256 << 10 // bytes of a buffer
	directAlign = 4096      // of its address, its offset and its length
	directReads = 2         // of the same bytes: as many copies of a file are wanted by most

	// A disk that takes or gives less than directPace bytes a second is better
	// written to behind the writer's back, and read ahead from: a hard disk that
	// has to seek, say. It is judged by directTrial bytes of each file. Several nodes
	// that share a good disk do not come below that.
	directPace  = 32 << 20
	directTrial = 64 << 20
)

// direct is a file's second descriptor, which goes past the page cache.
type direct struct {
	mu    sync.Mutex
	file  *os.File // nil before it is first used
	off   bool     // the file system cannot, or the disk is slow
	bytes int64    // written and read so
	took  time.Duration
	reads []uint8 // how often each directLeast bytes were read so, or might have been
}

// open gives the descriptor, or nil if there is to be none.
func (d *direct) open(of *os.File) *os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil
	}
	if d.file == nil {
		again, err := past(of)
		if err != nil {
			d.off = true
			return nil
		}
		d.file = again
	}
	return d.file
}

// past opens a file once more, for the same, past the page cache.
func past(of *os.File) (*os.File, error) {
	flags, err := unix.FcntlInt(of.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", of.Fd()), flags&unix.O_ACCMODE|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	return os.NewFile(uintptr(fd), of.Name()), nil
}

// often reports whether what lies at an offset was read directReads times before.
func (d *direct) often(off int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := int(off / directLeast)
	if i >= len(d.reads) {
		d.reads = append(d.reads, make([]uint8, i+1-len(d.reads))...)
	}
	if d.reads[i] >= directReads {
		return true
	}
	d.reads[i]++
	return false
}

// note keeps account of a write or a read.
func (d *direct) note(bytes int, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes, d.took = d.bytes+int64(bytes), d.took+took
	if d.bytes >= directTrial {
		d.off = d.off || float64(d.bytes) < directPace*d.took.Seconds()
		d.bytes, d.took = 0, 0
	}
}

func (d *direct) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
}

func (d *direct) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}

// WriteAt writes past the page cache what is large and lies well, and the rest
// through it. The system keeps the two alike.
func (f osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.writePast([][]byte{p}, off)
	if err != nil || n == len(p) {
		return n, err
	}
	rest, err := f.File.WriteAt(p[n:], off+int64(n))
	return n + rest, err
}

// Gather does so with many buffers at once.
func (f osFile) Gather(bufs [][]byte, off int64) error {
	n, err := f.writePast(bufs, off)
	if err == nil {
		_, err = writeAll(f.File, behind(bufs, n), off+int64(n))
	}
	return err
}

// ReadAt reads past the page cache what is large and lies well and is not in it, the
// first times: what is read more often is worth keeping there.
func (f osFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.readPast(p, off)
	if err != nil || n == len(p) {
		return n, err
	}
	rest, err := f.File.ReadAt(p[n:], off+int64(n))
	return n + rest, err
}

func (f osFile) readPast(p []byte, off int64) (int, error) {
	_, size := well([][]byte{p}, off)
	if size < directLeast || cached(f.File, off, size) || f.direct.often(off) {
		return 0, nil
	}
	past := f.direct.open(f.File)
	if past == nil {
		return 0, nil
	}
	began := time.Now()
	n, err := past.ReadAt(p[:size], off)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		f.direct.stop()
		return n &^ (directAlign - 1), nil
	case errors.Is(err, io.EOF):
		return n, nil // the next read finds that, too
	}
	f.direct.note(n, time.Since(began))
	return n, err
}

// cached reports whether the page cache has any of some bytes of a file, as a
// system does that cannot tell (cachestat(2), Linux 6.5).
func cached(file *os.File, off int64, size int) bool {
	var stat unix.Cachestat_t
	err := unix.Cachestat(uint(file.Fd()), &unix.CachestatRange{Off: uint64(off), Len: uint64(size)}, &stat, 0)
	return err != nil || stat.Cache > 0
}

// writePast writes past the page cache as many of the buffers, and of the last of
// those, as can be written so. Nothing is no error.
func (f osFile) writePast(bufs [][]byte, off int64) (int, error) {
	bufs, size := well(bufs, off)
	if size < directLeast {
		return 0, nil
	}
	past := f.direct.open(f.File)
	if past == nil {
		return 0, nil
	}
	began := time.Now()
	n, err := writeAll(past, bufs, off)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		f.direct.stop() // it says so only now
		return n, nil
	}
	f.direct.note(n, time.Since(began))
	return n, err
}

// well is the first of some buffers that lie as they must to be written past the
// page cache at an offset, and their size: all up to the first that ends within a page, and
// of that the pages which are whole.
func well(bufs [][]byte, off int64) (some [][]byte, size int) {
	if off%directAlign != 0 {
		return nil, 0
	}
	for i, buf := range bufs {
		whole := len(buf) &^ (directAlign - 1)
		if uintptr(unsafe.Pointer(unsafe.SliceData(buf)))%directAlign != 0 {
			return bufs[:i], size
		}
		if size += whole; whole < len(buf) {
			return append(slices.Clone(bufs[:i]), buf[:whole]), size
		}
	}
	return bufs, size
}

// maxVector is how many buffers one call takes: IOV_MAX of Linux.
const maxVector = 1024

// writeAll writes buffers one behind the other, and says how many bytes of them.
func writeAll(file *os.File, bufs [][]byte, off int64) (written int, err error) {
	for len(bufs) > 0 {
		var n int
		err := ignoringInterrupt(func() (err error) {
			n, err = unix.Pwritev(int(file.Fd()), bufs[:min(len(bufs), maxVector)], off+int64(written))
			return err
		})
		if err == nil && n == 0 && len(bufs[0]) > 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, os.NewSyscallError("pwritev", err)
		}
		written += n
		bufs = behind(bufs, n)
	}
	return written, nil
}

// behind is what is left of buffers behind their first n bytes.
func behind(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n == 0 || len(bufs) == 0 {
		return bufs
	}
	return append([][]byte{bufs[0][n:]}, bufs[1:]...)
}

// Close closes both descriptors.
func (f osFile) Close() error { return errors.Join(f.direct.close(), f.File.Close()) }
