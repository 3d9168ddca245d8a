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

// formatPrefix begins what the format file holds, before the version of all that
// docs/spec/disk.md describes.
const (
	formatPrefix  = "shoal store "
	formatVersion = 1
	maxFormat     = 64 // bytes of the file that are read
)

// CheckFormat reports whether the folder has a store of a version that this
// program knows. Errors: fs.ErrNotExist if it has no format file; shoal.Integrity
// for another text, shoal.Usage for a newer version, both with a hint.
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

// parseFormat reads what the format file says.
func parseFormat(text string) (version int, ok bool) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(text), formatPrefix)
	if !ok {
		return 0, false
	}
	version, err := strconv.Atoi(digits)
	return version, err == nil && version > 0
}

// WriteFormat writes the format file, which comes last in making a store. It is
// made whole first, under the name temp, which nothing has.
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
