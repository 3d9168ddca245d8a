package layout

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"shoal"
	"shoal/internal/storage/vfs"
)

// maxPID bounds the bytes of the lock file that are read.
const maxPID = 20

// ErrInUse means that another process has the store open.
var ErrInUse = fmt.Errorf("the store is in use: %w", shoal.Exists)

// TakeLock locks the store until lock is closed, and writes the process's number
// into it. crashed reports whether a number was left there: a clean end empties the
// file. Errors: ErrInUse.
func TakeLock(root vfs.FS) (lock vfs.File, crashed bool, err error) {
	lock, err = root.Lock(LockFile)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, false, InUse(root)
	}
	if err != nil {
		return nil, false, err
	}
	crashed, err = sign(root, lock)
	if err != nil {
		return nil, false, errors.Join(err, lock.Close())
	}
	return lock, crashed, nil
}

// sign writes the process's number into the lock file, and reports whether the file
// held a number.
func sign(root vfs.FS, lock vfs.File) (crashed bool, err error) {
	left, err := readText(lock, maxPID)
	if err != nil {
		return false, err
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return false, err
	}
	return left != "", errors.Join(lock.Sync(), root.SyncDir("."))
}

// InUse returns ErrInUse with the process number from the lock file, if it has one.
func InUse(root vfs.FS) error {
	who := "another process"
	if file, err := root.Open(LockFile, vfs.ReadOnly); err == nil {
		if pid, err := readText(file, maxPID); err == nil && pid != "" {
			who = "process " + strings.TrimSpace(pid)
		}
		_ = file.Close()
	}
	return shoal.WithHint(fmt.Errorf("%w: %s has it open", ErrInUse, who),
		"use that node, stop it, or give this one another --data folder")
}
