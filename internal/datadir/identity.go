package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
)

// CheckIdentity returns shoal.Integrity with a hint if the data folder at data is a
// node's and lacks its key. It says nothing of a key that is there.
func CheckIdentity(data string) error {
	if _, err := os.Lstat(filepath.Join(data, Identity)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range []string{Shoal, Journal} {
		if _, err := os.Lstat(filepath.Join(data, name)); err == nil {
			return shoal.WithHint(fmt.Errorf("the node's identity is gone: there is a %s and no %s: %w", name, Identity, shoal.Integrity),
				"restore "+filepath.Join(data, Identity)+" from a backup; or run `shoal doctor --new-identity`, and join again with a new ticket: what is in the store stays")
		}
	}
	return nil
}
