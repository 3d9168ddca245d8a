package layout

import (
	"fmt"
	"time"

	"shoal/internal/storage/vfs"
)

// Aside is a name in the quarantine that nothing has, for what was called as.
func Aside(as string) string {
	return fmt.Sprintf("%s/%s.%d", QuarantineDir, as, time.Now().UnixNano())
}

// Quarantine puts a file of the store's away, for a person to look at, and
// returns where it is. Errors: fs.ErrNotExist.
func Quarantine(root vfs.FS, name, as string) (to string, err error) {
	if err := root.MakeDir(QuarantineDir); err != nil {
		return "", err
	}
	to = Aside(as)
	if err := root.Rename(name, to); err != nil {
		return "", fmt.Errorf("put %s into quarantine: %w", name, err)
	}
	return to, nil
}
