package crashfs

import (
	"errors"
	"io"
	"syscall"

	"shoal/internal/storage/vfs"
)

// file is one open file.
type file struct {
	system *System
	node   *node
	name   string
	unlock bool
}

func (f *file) do(op Op, run func() error) error {
	f.system.mu.Lock()
	defer f.system.mu.Unlock()
	if err := f.system.call(op, f.name); err != nil {
		return err
	}
	return run()
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.do(OpRead, func() error {
		if off < int64(len(f.node.data)) {
			n = copy(p, f.node.data[off:])
		}
		if n < len(p) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// WriteAt writes all of p, or, if the plan says so, half of it.
func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	f.system.mu.Lock()
	defer f.system.mu.Unlock()
	failure := f.system.call(OpWrite, f.name)
	if failure != nil {
		if !errors.Is(failure, ErrShort) {
			return 0, failure
		}
		p = p[:len(p)/2]
	}
	if int64(len(p)) > f.system.free {
		return 0, pathError("write", f.name, syscall.ENOSPC)
	}
	f.node.resize(max(off+int64(len(p)), int64(len(f.node.data))))
	f.node.mtime = f.system.tick()
	return copy(f.node.data[off:], p), failure
}

// Punch writes zeros: what takes room is not kept here. See vfs.Sparse.
func (f *file) Punch(off, length int64) error {
	_, err := f.WriteAt(make([]byte, length), off)
	return err
}

func (f *file) Truncate(size int64) error {
	return f.do(OpTruncate, func() error {
		f.node.resize(size)
		f.node.mtime = f.system.tick()
		return nil
	})
}

func (f *file) Sync() error {
	return f.do(OpSync, func() error {
		f.node.sync()
		return nil
	})
}

func (f *file) Stat() (info vfs.Info, err error) {
	err = f.do(OpStat, func() error {
		info = f.node.info()
		return nil
	})
	return info, err
}

// Close is no call that fails or counts: nothing on the disk depends on it.
func (f *file) Close() error {
	f.system.mu.Lock()
	defer f.system.mu.Unlock()
	if f.unlock {
		f.node.locked = false
	}
	return nil
}
