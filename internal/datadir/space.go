package datadir

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"shoal"
)

// Explain adds a hint for a person to an error of opening or writing the data folder
// at data. It returns other errors unchanged.
func Explain(data string, err error) error {
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

// Free returns the bytes that an ordinary user may still write on the disk under a
// folder.
func Free(folder string) (int64, error) {
	stat, err := statfs(folder)
	return int64(stat.Bavail) * stat.Bsize, err
}

// Capacity returns the size in bytes of the disk under a folder.
func Capacity(folder string) (int64, error) {
	stat, err := statfs(folder)
	return int64(stat.Blocks) * stat.Bsize, err
}

func statfs(folder string) (stat unix.Statfs_t, err error) {
	if err := unix.Statfs(folder, &stat); err != nil {
		return unix.Statfs_t{}, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return stat, nil
}
