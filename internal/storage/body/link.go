package body

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

// ErrGuard means that the linked file has changed or is gone.
var ErrGuard = errors.New("is no longer the file that was linked")

// GuardOf returns the guard of a file. The hashes find a change that the guard does
// not show.
func GuardOf(info vfs.Info) tables.Guard {
	return tables.Guard{Device: info.Device, Inode: info.Inode, Size: info.Size, MTime: info.ModTime}
}

// admits reports whether info can be of the file that the guard was made for.
func admits(g tables.Guard, info vfs.Info) bool {
	now := GuardOf(info)
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
			return fmt.Errorf("%w: %w", ErrGuard, err)
		}
	}
	return err
}

// Link is the body of a place that is a person's file, or an output on its way
// to be one.
type Link struct {
	system vfs.System

	// mu guards the fields below. It is held for reading while the file is used,
	// and for writing while it is opened, closed or renamed.
	mu     sync.RWMutex
	spot   tables.Spot
	folder vfs.FS
	base   string // the last part of path
	file   vfs.File
	space  *Space // of an output that is written; nil if there is no reserve to keep
}

// NewLink returns the body at a spot. Its first use opens it.
func NewLink(system vfs.System, spot tables.Spot) *Link { return &Link{system: system, spot: spot} }

// OpenLink opens a person's file at an absolute path. The returned description of the
// file becomes its guard.
func OpenLink(system vfs.System, path string) (*Link, vfs.Info, error) {
	l := NewLink(system, tables.Spot{Path: path})
	if err := l.reopen(); err != nil {
		return nil, vfs.Info{}, err
	}
	info, err := l.file.Stat()
	if err != nil {
		return nil, info, errors.Join(err, l.Close())
	}
	l.spot.Guard = GuardOf(info)
	return l, info, nil
}

// NewOutput returns the body of a new output: file, in folder, at spot. The body owns
// and closes both.
func NewOutput(system vfs.System, spot tables.Spot, folder vfs.FS, file vfs.File, space *Space) *Link {
	return &Link{system: system, spot: spot, space: space, folder: folder, base: filepath.Base(spot.Path), file: file}
}

// File returns the open file, for the only user of a link of OpenLink.
func (l *Link) File() vfs.File { return l.file }

// At returns the link's current spot.
func (l *Link) At() tables.Spot {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.spot
}

// use opens the file if need be, looks that it is the right one, and holds mu
// for reading; the caller must let go of it unless there is an error.
func (l *Link) use() error {
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
	case !admits(l.spot.Guard, info):
		err = ErrGuard
	}
	if err != nil {
		l.mu.RUnlock()
	}
	return err
}

// Use opens the file if it is closed, checks its guard, and calls do with its folder,
// unless do is nil. Errors: ErrGuard; those of do.
func (l *Link) Use(do func(folder vfs.FS) error) error {
	if err := l.use(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	if do == nil {
		return nil
	}
	return do(l.folder)
}

func (l *Link) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return nil
	}
	folder, err := l.system.Root(filepath.Dir(l.spot.Path))
	if err != nil {
		return guardError(err)
	}
	mode := vfs.ReadOnly
	if l.spot.Target != "" {
		mode = vfs.ReadWrite
	}
	file, err := folder.Open(filepath.Base(l.spot.Path), mode)
	if err != nil {
		return errors.Join(guardError(err), folder.Close())
	}
	l.folder, l.base, l.file = folder, filepath.Base(l.spot.Path), file
	return nil
}

// ReadAt reads from the file, if it is still the right one. Errors: as of Use; the
// system's own.
func (l *Link) ReadAt(p []byte, off int64) (int, error) {
	if err := l.use(); err != nil {
		return 0, err
	}
	defer l.mu.RUnlock()
	return l.file.ReadAt(p, off)
}

// WriteAt writes to the file of an output. Errors: as of ReadAt.
func (l *Link) WriteAt(p []byte, off int64) (int, error) {
	if err := l.use(); err != nil {
		return 0, err
	}
	defer l.mu.RUnlock()
	return l.file.WriteAt(p, off)
}

// WriteRun writes buffers to the file of an output. Errors: as of ReadAt.
func (l *Link) WriteRun(bufs [][]byte, off int64) error {
	if err := l.use(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	return vfs.Gather(l.file, bufs, off)
}

// Sync makes the file's bytes durable, but not its name. Errors: as of ReadAt.
func (l *Link) Sync() error {
	if err := l.use(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	return l.file.Sync()
}

// Room looks at the output's own disk.
func (l *Link) Room(bytes int64) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.space == nil {
		return nil
	}
	return l.space.Room(bytes)
}

// Watch has Room look at the disk from now on.
func (l *Link) Watch(room *Space) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.space = room
}

// Arrive renames an output to its target by move: vfs.FS.Rename, which replaces a
// file there, or vfs.FS.RenameNew. Then it opens the file for reading only, so that a
// downloaded program can be run.
func (l *Link) Arrive(move func(folder vfs.FS, from, to string) error) error {
	if err := l.use(); err != nil {
		return err
	}
	l.mu.RUnlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	base := filepath.Base(l.spot.Target)
	if err := move(l.folder, l.base, base); err != nil {
		return err
	}
	l.base = base
	return l.becomeLocked()
}

// becomeLocked makes the link be at its target, where its file is by now.
func (l *Link) becomeLocked() error {
	file, err := l.folder.Open(l.base, vfs.ReadOnly)
	if err != nil {
		return guardError(err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	now := GuardOf(info)
	if now.Device != l.spot.Guard.Device || now.Inode != l.spot.Guard.Inode || now.Size != l.spot.Guard.Size {
		return errors.Join(ErrGuard, file.Close())
	}
	old := l.file
	l.spot, l.file = tables.Spot{Path: l.spot.Target, Guard: now}, file
	return old.Close()
}

// Arrived looks for an output whose partial file is gone. If the same file is at the
// target, the link moves there. It reports whether it did.
func (l *Link) Arrived() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spot.Target == "" {
		return false // somebody else was first, and either way it is no output now
	}
	folder, err := l.system.Root(filepath.Dir(l.spot.Target))
	if err != nil {
		return false
	}
	base := filepath.Base(l.spot.Target)
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

// Discard removes an unfinished output. If it cannot, the partial file stays, and the
// next output to that path replaces it.
func (l *Link) Discard() {
	if l.At().Target == "" || l.use() != nil {
		return
	}
	defer l.mu.RUnlock()
	_ = l.folder.Remove(l.base)
}

// Names returns the folder of the open link, for a commit to sync.
func (l *Link) Names() Folder {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Folder{FS: l.folder, Name: ".", Key: filepath.Dir(l.spot.Path)}
}

// Close is called when nobody uses the body any more.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Close(), l.folder.Close())
	l.file, l.folder = nil, nil
	return err
}

// Folder is a folder whose names a commit makes durable. Equal keys mean the same
// folder. The zero value is no folder.
type Folder struct {
	FS   vfs.FS
	Name string
	Key  string
}
