// Package body reads and writes the bytes of files: in a blob of the store, in
// memory, or in a person's linked file, which it uses only while the file is
// unchanged. It also watches the free space on a disk.
//
// It does not know chunks or hashes.
package body

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"shoal/internal/storage/vfs"
)

// Body is where the bytes of a place lie. Its methods may be used by many
// goroutines at once.
type Body interface {
	io.ReaderAt
	io.WriterAt

	// WriteRun writes buffers one behind the other, from an offset on. It is not
	// called Gather, for vfs.Gather must not take a Memory for a vfs.Gatherer.
	WriteRun(bufs [][]byte, off int64) error

	// Sync makes all earlier writes durable.
	Sync() error

	// Room refuses, with shoal.NoSpace, bytes that would leave the disk too
	// full.
	Room(bytes int64) error

	// Close closes the file; the next call opens it again.
	Close() error
}

// ErrMissing means that a blob's file is gone.
var ErrMissing = errors.New("has lost its data")

// Lost reports whether err means that the whole file of a body is gone.
func Lost(err error) bool { return errors.Is(err, ErrGuard) || errors.Is(err, ErrMissing) }

// Blob is a body that is a file of its own, opened when it is first used.
type Blob struct {
	open func() (vfs.File, error)

	// mu makes sure that the file is opened once; it is held while it is.
	mu   sync.Mutex
	file vfs.File

	space *Space
}

// NewBlob returns a body in the file that open opens. open returns fs.ErrNotExist if
// the file is gone.
func NewBlob(space *Space, open func() (vfs.File, error)) *Blob {
	return &Blob{open: open, space: space}
}

// Opened sets the blob's new, open file, before the first use of the blob.
func (b *Blob) Opened(file vfs.File) *Blob {
	b.file = file
	return b
}

func (b *Blob) handle() (vfs.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file != nil {
		return b.file, nil
	}
	file, err := b.open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	case err != nil:
		return nil, err
	}
	b.file = file
	return file, nil
}

// ReadAt reads from the file. Errors: ErrMissing; the system's own.
func (b *Blob) ReadAt(p []byte, off int64) (int, error) {
	file, err := b.handle()
	if err != nil {
		return 0, err
	}
	return file.ReadAt(p, off)
}

// WriteAt writes to the file. Errors: as of ReadAt.
func (b *Blob) WriteAt(p []byte, off int64) (int, error) {
	file, err := b.handle()
	if err != nil {
		return 0, err
	}
	return file.WriteAt(p, off)
}

// WriteRun writes buffers to the file, at once if it can. Errors: as of ReadAt.
func (b *Blob) WriteRun(bufs [][]byte, off int64) error {
	file, err := b.handle()
	if err != nil {
		return err
	}
	return vfs.Gather(file, bufs, off)
}

// Sync makes the file's bytes durable, but not its name.
func (b *Blob) Sync() error {
	file, err := b.handle()
	if err != nil {
		return err
	}
	return file.Sync()
}

// Room looks at the store's disk.
func (b *Blob) Room(bytes int64) error { return b.space.Room(bytes) }

// Punch returns the space of bytes to the file system. If it cannot, the space comes
// back when the file is deleted.
func (b *Blob) Punch(off, length int64) {
	file, err := b.handle()
	if err != nil {
		return
	}
	if sparse, ok := file.(vfs.Sparse); ok {
		_ = sparse.Punch(off, length)
	}
}

// Close is called when nobody uses the body any more.
func (b *Blob) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// Memory is the body of a small file: its bytes as they are, or will be, in
// the records. Sync has nothing to do, for the row is written, and with it
// made durable, when the rest of the commit is done.
type Memory struct {
	// mu guards the bytes against being read while they are written.
	mu    sync.RWMutex
	data  []byte
	space *Space
}

// NewMemory returns a body with data, which it owns from now on.
func NewMemory(space *Space, data []byte) *Memory { return &Memory{data: data, space: space} }

// ReadAt copies bytes out. Errors: io.EOF.
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt copies bytes in, behind zeros if they are not adjacent.
func (m *Memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if grow := off + int64(len(p)) - int64(len(m.data)); grow > 0 {
		m.data = append(m.data, make([]byte, grow)...)
	}
	return copy(m.data[off:], p), nil
}

// WriteRun copies buffers in.
func (m *Memory) WriteRun(bufs [][]byte, off int64) error { return vfs.Gather(m, bufs, off) }

// Snapshot is a copy of the bytes as they are now.
func (m *Memory) Snapshot() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return append([]byte{}, m.data...)
}

// Sync does nothing: the row is written when the rest of the commit is done.
func (m *Memory) Sync() error { return nil }

// Room looks at the store's disk.
func (m *Memory) Room(bytes int64) error { return m.space.Room(bytes) }

// Close does nothing.
func (m *Memory) Close() error { return nil }
