package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/datadir"
)

// Only a folder that is a node's can have lost its key.
func TestCheckIdentity(t *testing.T) {
	for _, c := range []struct {
		there []string
		lost  bool
	}{
		{nil, false},
		{[]string{datadir.Store}, false},
		{[]string{datadir.Shoal}, true},
		{[]string{datadir.Journal}, true},
		{[]string{datadir.Shoal, datadir.Journal, datadir.Identity}, false},
	} {
		folder := t.TempDir()
		for _, name := range c.there {
			if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := datadir.CheckIdentity(folder)
		if errors.Is(err, shoal.Integrity) != c.lost || (shoal.HintOf(err) != "") != c.lost {
			t.Errorf("with %v: %v", c.there, err)
		}
	}
}
