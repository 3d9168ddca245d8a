package layout

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"shoal"
	"shoal/internal/storage/vfs"
)

// The format file holds formatPrefix and the version of docs/spec/disk.md.
const (
	formatPrefix  = "shoal store "
	formatVersion = 1
	maxFormat     = 64 // bytes of the file that are read
)

// CheckFormat checks that the folder's format file names a supported version.
// Errors: fs.ErrNotExist if there is no format file; shoal.Integrity for another
// text and shoal.Usage for a newer version, both with a hint.
func CheckFormat(root vfs.FS) error {
	file, err := root.Open(FormatFile, vfs.ReadOnly)
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
			"if this is a store, remove the file "+FormatFile+" in it and start again")
	case version > formatVersion:
		return shoal.WithHint(fmt.Errorf("it is of version %d, and this program knows %d: %w", version, formatVersion, shoal.Usage),
			"use the newer shoal that wrote it")
	}
	return nil
}

// parseFormat parses the format file.
func parseFormat(text string) (version int, ok bool) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(text), formatPrefix)
	if !ok {
		return 0, false
	}
	version, err := strconv.Atoi(digits)
	return version, err == nil && version > 0
}

// WriteFormat writes the format file under the unused name temp, and renames it.
// It is the last step of making a store.
func WriteFormat(root vfs.FS, temp string) error {
	file, err := root.Open(temp, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(formatPrefix+strconv.Itoa(formatVersion)+"\n"), 0)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := root.Rename(temp, FormatFile); err != nil {
		return err
	}
	return root.SyncDir(".")
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
