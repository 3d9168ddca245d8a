package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"shoal/internal/storage/vfs"
)

// body is where the bytes of a place lie. Its methods may be used by many
// goroutines at once.
type body interface {
	io.ReaderAt
	io.WriterAt

	// gather writes buffers one behind the other, from an offset on.
	gather(bufs [][]byte, off int64) error

	// Sync makes what was written durable.
	Sync() error

	// room refuses, with shoal.NoSpace, bytes that would leave the disk too
	// full.
	room(bytes int64) error

	// Close lets go of what is open; the next call opens it again.
	Close() error
}

// errMissing means that a file of the store's own is not there any more.
var errMissing = errors.New("has lost its data")

// lost reports whether err means that a place as a whole is no more.
func lost(err error) bool { return errors.Is(err, errGuard) || errors.Is(err, errMissing) }

// blob is a body that is a file of its own, opened when it is first used.
type blob struct {
	open func() (vfs.File, error)

	// mu makes sure that the file is opened once; it is held while it is.
	mu   sync.Mutex
	file vfs.File

	space *space
}

func (b *blob) handle() (vfs.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file != nil {
		return b.file, nil
	}
	file, err := b.open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", errMissing, err)
	case err != nil:
		return nil, err
	}
	b.file = file
	return file, nil
}

func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	file, err := b.handle()
	if err != nil {
		return 0, err
	}
	return file.ReadAt(p, off)
}

func (b *blob) WriteAt(p []byte, off int64) (int, error) {
	file, err := b.handle()
	if err != nil {
		return 0, err
	}
	return file.WriteAt(p, off)
}

func (b *blob) gather(bufs [][]byte, off int64) error {
	file, err := b.handle()
	if err != nil {
		return err
	}
	return vfs.Gather(file, bufs, off)
}

func (b *blob) Sync() error {
	file, err := b.handle()
	if err != nil {
		return err
	}
	return file.Sync()
}

func (b *blob) room(bytes int64) error { return b.space.room(bytes) }

// Close is called when nobody uses the body any more.
func (b *blob) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// memory is the body of a small file: its bytes as they are, or will be, in
// the records. Sync has nothing to do, for the row is written, and with it
// made durable, when the rest of the commit is done.
type memory struct {
	// mu guards the bytes against being read while they are written.
	mu    sync.RWMutex
	data  []byte
	space *space
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
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

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if grow := off + int64(len(p)) - int64(len(m.data)); grow > 0 {
		m.data = append(m.data, make([]byte, grow)...)
	}
	return copy(m.data[off:], p), nil
}

func (m *memory) gather(bufs [][]byte, off int64) error { return vfs.Gather(m, bufs, off) }

// snapshot is a copy of the bytes as they are now.
func (m *memory) snapshot() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return append([]byte{}, m.data...)
}

func (m *memory) Sync() error            { return nil }
func (m *memory) room(bytes int64) error { return m.space.room(bytes) }
func (m *memory) Close() error           { return nil }
