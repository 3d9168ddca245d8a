package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"shoal"
	"shoal/internal/storage/vfs"
)

// formatText is what the format file holds: the version of all that
// docs/spec/disk.md describes.
const (
	formatPrefix  = "shoal store "
	formatVersion = 1
	maxFormat     = 64 // bytes of the file that are read
	maxPID        = 20
)

// start is what the lock file says of how the store was left.
type start uint8

const (
	afterClose start = iota
	afterCrash
)

// ErrInUse means that somebody else has the store open.
var ErrInUse = fmt.Errorf("the store is in use: %w", shoal.Exists)

// takeLock locks the store and writes the process's number into the lock file;
// one that is still there was left by a crash.
func (s *Store) takeLock() (start, error) {
	lock, err := s.root.Lock(lockFile)
	if errors.Is(err, vfs.ErrLocked) {
		return 0, s.lockedError()
	}
	if err != nil {
		return 0, err
	}
	s.lock = lock
	left, err := readText(lock, maxPID)
	if err != nil {
		return 0, err
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return 0, writeError(err)
	}
	if err := errors.Join(lock.Sync(), s.root.SyncDir(".")); err != nil {
		return 0, err
	}
	if left == "" {
		return afterClose, nil
	}
	return afterCrash, nil
}

// lockedError says who has the store, as far as the lock file tells.
func (s *Store) lockedError() error {
	who := "another process"
	if file, err := s.root.Open(lockFile, vfs.ReadOnly); err == nil {
		if pid, err := readText(file, maxPID); err == nil && pid != "" {
			who = "process " + strings.TrimSpace(pid)
		}
		_ = file.Close()
	}
	return shoal.WithHint(fmt.Errorf("%w: %s has it open", ErrInUse, who),
		"use that node, stop it, or give this one another --data folder")
}

// layOut makes the folders of a store that has none and clears away what
// imports left unfinished. A store whose format file is lost is taken for one
// of this version.
func (s *Store) layOut() (isNew bool, err error) {
	err = s.checkFormat()
	unmarked := errors.Is(err, fs.ErrNotExist)
	if err != nil && !unmarked {
		return false, err
	}
	if _, err := s.root.Stat(blobsDir); unmarked && errors.Is(err, fs.ErrNotExist) {
		isNew = true
	}
	for _, dir := range []string{blobsDir, tmpDir, quarantineDir} {
		if err := s.root.MakeDir(dir); err != nil {
			return false, err
		}
	}
	if err := s.clearTemps(); err != nil {
		return false, err
	}
	if unmarked {
		err = s.writeFormat()
	}
	return isNew, err
}

func (s *Store) checkFormat() error {
	file, err := s.root.Open(formatFile, vfs.ReadOnly)
	if err != nil {
		return err
	}
	text, err := readText(file, maxFormat)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	version, ok := parseFormat(text)
	switch {
	case !ok:
		return shoal.WithHint(fmt.Errorf("its format file does not say %q: %w", formatPrefix+"VERSION", shoal.Integrity),
			"if this is a store, remove the file "+formatFile+" in it and start again")
	case version > formatVersion:
		return shoal.WithHint(fmt.Errorf("it is of version %d, and this program knows %d: %w", version, formatVersion, shoal.Usage),
			"use the newer shoal that wrote it")
	}
	return nil
}

// parseFormat reads what the format file says.
func parseFormat(text string) (version int, ok bool) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(text), formatPrefix)
	if !ok {
		return 0, false
	}
	version, err := strconv.Atoi(digits)
	return version, err == nil && version > 0
}

// writeFormat comes last in making a store, and is itself made whole under
// another name first.
func (s *Store) writeFormat() error {
	name := s.tempName()
	file, err := s.root.Open(name, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(formatPrefix+strconv.Itoa(formatVersion)+"\n"), 0)
	if err := errors.Join(writeError(err), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := s.root.Rename(name, formatFile); err != nil {
		return err
	}
	return s.root.SyncDir(".")
}

// readText reads at most limit bytes from the start of a file.
func readText(file vfs.File, limit int) (string, error) {
	text := make([]byte, limit)
	n, err := file.ReadAt(text, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(text[:n]), err
}

// tempName is a name in tmp/ that nothing has.
func (s *Store) tempName() string {
	return fmt.Sprintf("%s/%d", tmpDir, s.temps.Add(1))
}

// clearTemps removes what lies in tmp/: nothing in it outlives a process.
func (s *Store) clearTemps() error {
	names, err := s.root.List(tmpDir)
	for _, name := range names {
		err = errors.Join(err, s.root.Remove(tmpDir+"/"+name))
	}
	return err
}

// quarantine puts a file of the store's away, for a person to look at.
func (s *Store) quarantine(name, as string) error {
	if err := s.root.MakeDir(quarantineDir); err != nil {
		return err
	}
	to := fmt.Sprintf("%s/%s.%d", quarantineDir, as, time.Now().UnixNano())
	if err := s.root.Rename(name, to); err != nil {
		return fmt.Errorf("put %s into quarantine: %w", name, err)
	}
	s.trouble.tell(Notice{Kind: Quarantined, Text: fmt.Sprintf("%s was damaged, and is now %s", as, to)})
	return nil
}
