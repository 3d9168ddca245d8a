package body

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"shoal"
	"shoal/internal/storage/vfs"
)

// FullBelow is how much room beside the reserve there must be, in bytes, for a
// disk that was found full not to count as full any more: a chunk of the
// largest default size.
const FullBelow = 4 << 20

// Space watches the room on one disk. Its method is safe for use by many
// goroutines at once.
type Space struct {
	Root    vfs.FS       // a folder on the disk
	Reserve int64        // bytes that are kept
	Full    *atomic.Bool // set when there was no room, and cleared when there is again
}

// Room refuses bytes that would eat into the reserve. Errors: shoal.NoSpace.
func (s *Space) Room(bytes int64) error {
	free, err := s.Root.Free()
	if err != nil {
		return fmt.Errorf("look for room on the disk: %w", err)
	}
	if free-s.Reserve < bytes {
		s.Full.Store(true)
		return NoSpace(fmt.Errorf("%d bytes are free, %d are kept in reserve, and %d are needed", free, s.Reserve, bytes))
	}
	if free-s.Reserve >= FullBelow {
		s.Full.Store(false)
	}
	return nil
}

// NoSpace gives err the code and the hint of a full disk.
func NoSpace(err error) error {
	return shoal.WithHint(fmt.Errorf("the disk is full: %w: %w", err, shoal.NoSpace),
		"make room on the disk, or remove files from this node; it goes on by itself then")
}

// WriteError gives an error of a write the code it deserves.
func WriteError(err error) error {
	if IsFull(err) {
		return NoSpace(err)
	}
	return err
}

// IsFull reports whether the system says that there is no room.
func IsFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
