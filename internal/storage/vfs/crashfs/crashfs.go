// Package crashfs is a file system in memory whose power can be cut. It keeps,
// beside what was written, what was synced; Crash gives the file system as a
// machine would find it on the next start: every sector that was not synced,
// and every name in a folder that was not, is there, or not there, or (a
// sector) torn. A Plan fails chosen calls before that.
//
// It is for tests, and no kinder than a disk may be: names that were not synced
// are kept or lost each on its own, whatever their order was.
package crashfs

import (
	"errors"
	"io/fs"
	"math"
	"path"
	"strings"
	"sync"

	"shoal/internal/storage/vfs"
)

// System is a file system in memory. All of its folders share one clock of
// calls, which Plan counts.
type System struct {
	// mu guards the whole tree and the plan: one call at a time.
	mu    sync.Mutex
	root  *node
	plan  Plan
	calls int
	dead  bool
	clock int64  // what the next write has as its time
	inode uint64 // what the next file has as its number
	free  int64
}

// New returns an empty file system with room without end.
func New() *System {
	s := &System{free: math.MaxInt64}
	s.root = s.newNode(folder)
	return s
}

// Mkdir makes the folder dir, and those above it, durably, without counting as
// a call.
func (s *System) Mkdir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.root
	for _, name := range split(dir) {
		if at.names[name] == nil {
			at.names[name] = s.newNode(folder)
			at.synced[name] = at.names[name]
		}
		at = at.names[name]
	}
}

// SetFree says what Free answers, and is the room there is for new bytes.
func (s *System) SetFree(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = bytes
}

// Corrupt changes the byte of a file at off, on the disk and all, and leaves
// its times as they are.
func (s *System) Corrupt(name string, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(name)
	if err != nil {
		return err
	}
	n.data[off] ^= 0xff
	if off < int64(len(n.durable)) {
		n.durable[off] ^= 0xff
	}
	return nil
}

// Root opens the folder at dir.
func (s *System) Root(dir string) (vfs.FS, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(OpRoot, dir); err != nil {
		return nil, err
	}
	n, err := s.find(dir)
	if err != nil {
		return nil, err
	}
	if n.kind != folder {
		return nil, pathError("open", dir, errNotFolder)
	}
	return &root{system: s, dir: dir}, nil
}

// find walks from the top. It is called with mu held, as all below it are.
func (s *System) find(name string) (*node, error) {
	at := s.root
	for _, part := range split(name) {
		next := at.names[part]
		if next == nil {
			return nil, pathError("open", name, fs.ErrNotExist)
		}
		at = next
	}
	return at, nil
}

// parent finds the folder that has name, and the last part of it.
func (s *System) parent(name string) (*node, string, error) {
	dir, base := path.Split(path.Clean("/" + name))
	n, err := s.find(dir)
	return n, base, err
}

func (s *System) tick() int64 { s.clock++; return s.clock }

func split(name string) []string {
	return strings.FieldsFunc(path.Clean("/"+name), func(r rune) bool { return r == '/' })
}

var errNotFolder = errors.New("not a folder")

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}
