package layout

import (
	"fmt"
	"time"

	"shoal/internal/storage/vfs"
)

// Aside returns an unused path in the quarantine for a file with the name as.
func Aside(as string) string {
	return fmt.Sprintf("%s/%s.%d", QuarantineDir, as, time.Now().UnixNano())
}

// Quarantine moves a file of the store's into the quarantine, for a person to look
// at, and returns its new path. Errors: fs.ErrNotExist.
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
