package node

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskBytes is how large the disk is that a folder lies on.
func diskBytes(folder string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return int64(stat.Blocks) * stat.Bsize, nil
}
