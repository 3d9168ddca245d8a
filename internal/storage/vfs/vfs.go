// Package vfs is the part of a file system that the disk store uses, as an
// interface, so that tests can fail any call and cut the power after it. OS is
// the real one; package crashfs is the one for tests. It is no general file
// system: what the store does not call is not here.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// System opens folders.
type System interface {
	// Root opens the folder at dir, an absolute path of which any part may be
	// a symbolic link.
	Root(dir string) (FS, error)
}

// FS is one open folder and all that is below it. Names are relative paths
// with forward slashes; none may lead out of the folder. The methods may be
// used by many goroutines at once, and errors are as of package os.
type FS interface {
	Namer
	Opener
	io.Closer

	// SyncDir makes the names in the folder called name durable: what was
	// made, renamed or removed there before.
	SyncDir(name string) error

	// Free is how many bytes the system would still give to files here.
	Free() (int64, error)
}

// Opener opens files.
type Opener interface {
	// Open opens a regular file. A symbolic link as its last part is refused,
	// and so is anything else that is not a regular file.
	Open(name string, mode Mode) (File, error)

	// Lock opens a file, made if need be, that nobody else has locked, and
	// locks it until it is closed or the process ends. ErrLocked if somebody
	// has.
	Lock(name string) (File, error)
}

// Namer works on names.
type Namer interface {
	// Stat describes what is at name; a symbolic link is not followed.
	Stat(name string) (Info, error)

	// List gives the names in a folder, in order.
	List(name string) ([]string, error)

	// MakeDir makes a folder. One that is there is no error.
	MakeDir(name string) error

	// Remove removes a file or an empty folder.
	Remove(name string) error

	// Rename gives a file a new name, in place of what may have had it.
	Rename(from, to string) error

	// RenameNew does so only if nothing has the name: fs.ErrExist otherwise.
	// Neither name may have a slash in it.
	RenameNew(from, to string) error
}

// Mode says what an open file is for.
type Mode uint8

// The modes.
const (
	ReadOnly   Mode = iota // a file that is there
	ReadWrite              // a file that is there
	CreateNew              // read and write a file that is not there: fs.ErrExist if it is
	CreateOpen             // CreateNew for a person's file: others may use it as far as the umask lets them
)

// File is an open file. ReadAt and WriteAt may be used by many goroutines at
// once.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Truncate sets the size in bytes; what is added reads as zeros and takes
	// no room.
	Truncate(size int64) error

	// Sync makes the bytes written before it durable, and the size, but not
	// the name: fdatasync(2). After an error, nothing is known of any of them.
	Sync() error

	// Stat describes the file.
	Stat() (Info, error)
}

// Info describes a file.
type Info struct {
	Device  uint64
	Inode   uint64
	Size    int64 // bytes
	ModTime int64 // nanoseconds since 1970
	Regular bool
}

// Sparse is what a File may offer that can have holes.
type Sparse interface {
	// Punch makes bytes read as zeros and take no room. It is advice: an error
	// means that they go on taking it.
	Punch(off, length int64) error
}

// Gatherer is what a File may offer that can write many buffers at once.
type Gatherer interface {
	// Gather writes buffers one behind the other, from an offset on.
	Gather(bufs [][]byte, off int64) error
}

// Gather writes buffers one behind the other, from an offset on: at once if the
// file can.
func Gather(to io.WriterAt, bufs [][]byte, off int64) error {
	if file, ok := to.(Gatherer); ok {
		return file.Gather(bufs, off)
	}
	for _, buf := range bufs {
		n, err := to.WriteAt(buf, off)
		if err == nil && n < len(buf) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// Bulk is what a File may offer to make large copies faster. All three are
// advice: an error means that the caller goes on without.
type Bulk interface {
	// Clone makes the file share the bytes of src, if the file system can.
	Clone(src uintptr) error

	// Allocate reserves room for size bytes, so that they lie together.
	Allocate(size int64) error

	// StartWriting has the system begin to write out what is not on the disk
	// yet, so that a later Sync finds little left to do. It does not wait.
	StartWriting() error
}

// RemoveIfThere removes a file that may not be there.
func RemoveIfThere(root Namer, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
