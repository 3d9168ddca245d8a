package node

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"shoal"
)

// folderError says what to do about a data folder that cannot be written: nothing
// goes on by itself there when there is room, for nothing runs yet.
func folderError(data string, err error) error {
	switch {
	case shoal.CodeOf(err) == shoal.NoSpace:
		return shoal.WithHint(err, "make room on the disk of "+data+", then try again")
	case errors.Is(err, unix.EROFS):
		return shoal.WithHint(err, "the disk of "+data+" can only be read: mount it for writing, or name another data folder with --data")
	case errors.Is(err, unix.ENOTDIR):
		return shoal.WithHint(err, data+" is to be a folder, and all above it too: name another with --data")
	case errors.Is(err, fs.ErrPermission) && shoal.HintOf(err) == "":
		return shoal.WithHint(err, "make "+data+" and all in it yours (chown), or name another data folder with --data")
	}
	return err
}

// diskFree is how much room there is on the disk that a folder lies on.
func diskFree(folder string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// diskBytes is how large the disk is that a folder lies on.
func diskBytes(folder string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return int64(stat.Blocks) * stat.Bsize, nil
}
