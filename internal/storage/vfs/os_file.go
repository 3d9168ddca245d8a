package vfs

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// osFile is an open file of the system's; it offers Bulk and Sparse.
type osFile struct {
	*os.File
	direct *direct
}

func (f osFile) Stat() (Info, error) {
	info, err := f.File.Stat()
	if err != nil {
		return Info{}, err
	}
	return infoOf(info)
}

func (f osFile) Sync() error {
	if err := ignoringInterrupt(func() error { return unix.Fdatasync(int(f.Fd())) }); err != nil {
		return os.NewSyscallError("fdatasync", err)
	}
	return nil
}

func (f osFile) Clone(src uintptr) error {
	return os.NewSyscallError("ficlone", unix.IoctlFileClone(int(f.Fd()), int(src)))
}

func (f osFile) Allocate(size int64) error {
	return ignoringInterrupt(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
}

func (f osFile) Punch(off, length int64) error {
	return ignoringInterrupt(func() error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, length)
	})
}

// StartWriting gives a length of 0, which means up to the end of the file.
func (f osFile) StartWriting() error {
	return unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// InfoOf describes an open file that did not come from an FS.
func InfoOf(file *os.File) (Info, error) { return osFile{File: file}.Stat() }

func infoOf(info os.FileInfo) (Info, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Info{}, fmt.Errorf("stat %s: the system gives no inode", info.Name())
	}
	return Info{
		Device:  st.Dev,
		Inode:   st.Ino,
		Size:    st.Size,
		ModTime: st.Mtim.Nano(),
		Regular: info.Mode().IsRegular(),
	}, nil
}

// ignoringInterrupt repeats a system call that a signal broke off.
func ignoringInterrupt(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
