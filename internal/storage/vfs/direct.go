package vfs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is written past the page cache (O_DIRECT, open(2)), as databases and object
// stores do: buffers that are large enough for the way to the disk not to count,
// and that lie as the strictest of disks wants them. docs/adr/0018 has the figures.
const (
	directLeast = 256 << 10 // bytes of a buffer
	directAlign = 4096      // of its address, its offset and its length

	// A disk that takes less than directPace bytes a second is better written to
	// behind the writer's back, and read from while it is: a hard disk, say. It is
	// judged by directTrial bytes of each file.
	directPace  = 200 << 20
	directTrial = 16 << 20
)

// direct is a file's second descriptor, whose writes go past the page cache.
type direct struct {
	mu    sync.Mutex
	file  *os.File // nil before the first write
	off   bool     // the file system cannot, or the disk is slow
	bytes int64    // written so
	took  time.Duration
}

// open gives the descriptor, or nil if there is to be none.
func (d *direct) open(of *os.File) *os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil
	}
	if d.file == nil {
		fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", of.Fd()), unix.O_WRONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
		if err != nil {
			d.off = true
			return nil
		}
		d.file = os.NewFile(uintptr(fd), of.Name())
	}
	return d.file
}

// note keeps account of a write.
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
	n, err := f.writePast(p, off)
	if err != nil || n == len(p) {
		return n, err
	}
	rest, err := f.File.WriteAt(p[n:], off+int64(n))
	return n + rest, err
}

// writePast writes as much of p as can be written past the page cache: nothing is
// no error.
func (f osFile) writePast(p []byte, off int64) (int, error) {
	most := len(p) &^ (directAlign - 1)
	if most < directLeast || off%directAlign != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%directAlign != 0 {
		return 0, nil
	}
	past := f.direct.open(f.File)
	if past == nil {
		return 0, nil
	}
	began := time.Now()
	n, err := past.WriteAt(p[:most], off)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		f.direct.stop() // it says so only now
		return n, nil
	}
	f.direct.note(n, time.Since(began))
	return n, err
}

// Close closes both descriptors.
func (f osFile) Close() error { return errors.Join(f.direct.close(), f.File.Close()) }
