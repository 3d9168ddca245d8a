package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another process, or another part of this one, has
// locked the file.
var ErrLocked = errors.New("file is locked")

// Permissions of what is made: a node's files are its user's alone.
const (
	fileMode = 0o600
	openMode = 0o666 // less the umask
	dirMode  = 0o700
)

// OS is the file system of the operating system.
type OS struct{}

// Root opens the folder at dir.
func (OS) Root(dir string) (FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	handle, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &osFS{root: root, handle: handle}, nil
}

// osFS is a folder of the system's. The handle is for the calls os.Root does
// not have.
type osFS struct {
	root   *os.Root
	handle *os.File
}

func (o *osFS) Close() error { return errors.Join(o.handle.Close(), o.root.Close()) }

func (o *osFS) Stat(name string) (Info, error) {
	info, err := o.root.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(info)
}

func (o *osFS) List(name string) ([]string, error) {
	dir, err := o.root.Open(name)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, dir.Close())
}

func (o *osFS) MakeDir(name string) error {
	if err := o.root.Mkdir(name, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (o *osFS) Remove(name string) error { return o.root.Remove(name) }

func (o *osFS) Rename(from, to string) error { return o.root.Rename(from, to) }

// RenameNew uses renameat2, and for a file system that does not know its flag,
// a second name: link(2) refuses one that is taken, without a race.
func (o *osFS) RenameNew(from, to string) error {
	dir := int(o.handle.Fd())
	err := ignoringInterrupt(func() error {
		return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if err := o.root.Link(from, to); err != nil {
			return err
		}
		return o.root.Remove(from)
	}
	if err != nil {
		return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
	}
	return nil
}

func (o *osFS) SyncDir(name string) error {
	dir, err := o.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (o *osFS) Free() (int64, error) {
	var st unix.Statfs_t
	if err := ignoringInterrupt(func() error { return unix.Fstatfs(int(o.handle.Fd()), &st) }); err != nil {
		return 0, fmt.Errorf("statfs: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Open looks before it opens, so as not to be held up by a pipe, and after, so
// that what was looked at is what was opened: os.Root itself would follow a
// symbolic link that stays inside the folder.
func (o *osFS) Open(name string, mode Mode) (File, error) {
	switch mode {
	case CreateNew:
		return o.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	case CreateOpen:
		return o.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, openMode)
	case ReadOnly, ReadWrite:
	}
	before, err := o.Stat(name)
	if err != nil {
		return nil, err
	}
	if !before.Regular {
		return nil, &fs.PathError{Op: "open", Path: name, Err: unix.ELOOP}
	}
	flag := os.O_RDONLY
	if mode == ReadWrite {
		flag = os.O_RDWR
	}
	file, err := o.open(name, flag|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if after, err := file.Stat(); err != nil || after.Device != before.Device || after.Inode != before.Inode {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: name, Err: unix.ELOOP}, err, file.Close())
	}
	return file, nil
}

func (o *osFS) open(name string, flag int, perm fs.FileMode) (File, error) {
	file, err := o.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{file, new(direct)}, nil
}

func (o *osFS) Lock(name string) (File, error) {
	file, err := o.root.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	err = ignoringInterrupt(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
	}
	return osFile{file, new(direct)}, nil
}

// Share locks a file that is there against those who Lock it, and not against
// others who share it, until it is closed. It changes nothing. ErrLocked if
// somebody has locked it.
func Share(path string) (io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = ignoringInterrupt(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}
