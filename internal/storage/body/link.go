package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"

	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// errGuard means that the file at a path is not the one that was linked.
var errGuard = errors.New("is no longer the file that was linked")

// guardOf is how a file is recognised. A change that leaves all four as they were
// is still found, by the hashes.
func guardOf(info vfs.Info) tables.Guard {
	return tables.Guard{Device: info.Device, Inode: info.Inode, Size: info.Size, MTime: info.ModTime}
}

// admits reports whether info can be of the file that the guard was made for.
func admits(g tables.Guard, info vfs.Info) bool {
	now := guardOf(info)
	if g.MTime == 0 {
		now.MTime = 0
	}
	return info.Regular && now == g
}

// guardError tells a file that is not there any more, or not for us, from a
// system that is short of something.
func guardError(err error) error {
	for _, gone := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ELOOP, syscall.ENOTDIR} {
		if errors.Is(err, gone) {
			return fmt.Errorf("%w: %w", errGuard, err)
		}
	}
	return err
}

// link is the body of a place that is a person's file, or an output on its way
// to be one.
type link struct {
	system vfs.System

	// mu guards what is below: it is held for reading while the file is used,
	// and for writing while it is opened, closed or renamed, so that nobody
	// ever finds it half-way.
	mu sync.RWMutex
	tables.Spot
	folder vfs.FS
	base   string // the last part of path
	file   vfs.File
	space  *space // of an output that is written; nil if there is no reserve to keep
}

// at is the link's spot now.
func (l *link) at() tables.Spot {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.Spot
}

// use opens the file if need be, looks that it is the right one, and holds mu
// for reading; the caller must let go of it unless there is an error.
func (l *link) use() error {
	for {
		l.mu.RLock()
		if l.file != nil {
			break
		}
		l.mu.RUnlock()
		if err := l.reopen(); err != nil {
			return err
		}
	}
	info, err := l.folder.Stat(l.base)
	switch {
	case err != nil:
		err = guardError(err)
	case !admits(l.Guard, info):
		err = errGuard
	}
	if err != nil {
		l.mu.RUnlock()
	}
	return err
}

func (l *link) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return nil
	}
	folder, err := l.system.Root(filepath.Dir(l.Path))
	if err != nil {
		return guardError(err)
	}
	mode := vfs.ReadOnly
	if l.Target != "" {
		mode = vfs.ReadWrite
	}
	file, err := folder.Open(filepath.Base(l.Path), mode)
	if err != nil {
		return errors.Join(guardError(err), folder.Close())
	}
	l.folder, l.base, l.file = folder, filepath.Base(l.Path), file
	return nil
}

func (l *link) ReadAt(p []byte, off int64) (int, error) {
	if err := l.use(); err != nil {
		return 0, err
	}
	defer l.mu.RUnlock()
	return l.file.ReadAt(p, off)
}

func (l *link) WriteAt(p []byte, off int64) (int, error) {
	if err := l.use(); err != nil {
		return 0, err
	}
	defer l.mu.RUnlock()
	return l.file.WriteAt(p, off)
}

func (l *link) gather(bufs [][]byte, off int64) error {
	if err := l.use(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	return vfs.Gather(l.file, bufs, off)
}

func (l *link) Sync() error {
	if err := l.use(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	return l.file.Sync()
}

// room looks at the output's own disk.
func (l *link) room(bytes int64) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.space == nil {
		return nil
	}
	return l.space.room(bytes)
}

// watch has room look at the disk from now on.
func (l *link) watch(room *space) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.space = room
}

// arrive renames an output to its target and makes it a file like any other:
// it is open for reading only, so that a program that came that way can be
// run.
func (l *link) arrive(replace Replace) error {
	if err := l.use(); err != nil {
		return err
	}
	l.mu.RUnlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	base := filepath.Base(l.Target)
	move := l.folder.RenameNew
	if replace == Overwrite {
		move = l.folder.Rename
	}
	if err := move(l.base, base); err != nil {
		return err
	}
	l.base = base
	return l.becomeLocked()
}

// becomeLocked makes the link be at its target, where its file is by now.
func (l *link) becomeLocked() error {
	file, err := l.folder.Open(l.base, vfs.ReadOnly)
	if err != nil {
		return guardError(err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	now := guardOf(info)
	if now.Device != l.Guard.Device || now.Inode != l.Guard.Inode || now.Size != l.Guard.Size {
		return errors.Join(errGuard, file.Close())
	}
	old := l.file
	l.Spot, l.file = tables.Spot{Path: l.Target, Guard: now}, file
	return old.Close()
}

// arrived is for an output whose partial file is gone: if the very file is at
// the target, the link moves there. It reports whether it did.
func (l *link) arrived() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Target == "" {
		return false // somebody else was first, and either way it is no output now
	}
	folder, err := l.system.Root(filepath.Dir(l.Target))
	if err != nil {
		return false
	}
	base := filepath.Base(l.Target)
	file, err := folder.Open(base, vfs.ReadOnly)
	if err != nil {
		_ = folder.Close()
		return false
	}
	if l.file != nil {
		_ = errors.Join(l.file.Close(), l.folder.Close())
	}
	l.folder, l.base, l.file = folder, base, file
	return l.becomeLocked() == nil
}

// discard removes an output that is not finished. It is best effort: what
// stays is a file with a telling name, which the next output there replaces.
func (l *link) discard() {
	if l.at().Target == "" || l.use() != nil {
		return
	}
	defer l.mu.RUnlock()
	_ = l.folder.Remove(l.base)
}

// names is the folder that has the open link's name, for a commit to sync.
func (l *link) names() folder {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return folder{fs: l.folder, name: ".", key: filepath.Dir(l.Path)}
}

// Close is called when nobody uses the body any more.
func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Close(), l.folder.Close())
	l.file, l.folder = nil, nil
	return err
}
