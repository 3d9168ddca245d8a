package disk

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"shoal"
	"shoal/internal/storage/vfs"
)

// fullBelow is how much room beside the reserve there must be, in bytes, for a
// disk that was found full not to count as full any more: a chunk of the
// largest default size.
const fullBelow = 4 << 20

// space watches the room on one disk.
type space struct {
	root    vfs.FS
	reserve int64
	full    *atomic.Bool // the last write found no room
}

// room refuses bytes that would eat into the reserve.
func (s *space) room(bytes int64) error {
	free, err := s.root.Free()
	if err != nil {
		return fmt.Errorf("look for room on the disk: %w", err)
	}
	if free-s.reserve < bytes {
		s.full.Store(true)
		return noSpace(fmt.Errorf("%d bytes are free, %d are kept in reserve, and %d are needed", free, s.reserve, bytes))
	}
	if free-s.reserve >= fullBelow {
		s.full.Store(false)
	}
	return nil
}

// noSpace gives err the code and the hint of a full disk.
func noSpace(err error) error {
	return shoal.WithHint(fmt.Errorf("the disk is full: %w: %w", err, shoal.NoSpace),
		"make room on the disk, or remove files from this node; it goes on by itself then")
}

// writeError gives an error of a write the code it deserves.
func writeError(err error) error {
	if isFull(err) {
		return noSpace(err)
	}
	return err
}

// isFull reports whether the system says that there is no room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
