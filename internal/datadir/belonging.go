package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
)

// Belonging names the shoal of a data folder. It is the JSON in the file Shoal.
type Belonging struct {
	Shoal   shoal.NodeID `json:"shoal"`             // the founder
	Sponsor shoal.NodeID `json:"sponsor,omitempty"` // the node it joined through
	Ticket  string       `json:"ticket,omitempty"`  // the id of the ticket it joined with
	Starts  uint64       `json:"starts"`            // how often a node was started on it
}

// ReadBelonging reads the Belonging at path. Errors: fs.ErrNotExist for a folder
// that belongs to no shoal yet, shoal.Integrity with a hint for a damaged file.
func ReadBelonging(path string) (Belonging, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Belonging{}, err
	}
	var known Belonging
	if err := json.Unmarshal(data, &known); err != nil || known.Shoal == "" {
		return Belonging{}, shoal.WithHint(fmt.Errorf("%s cannot be read: %w", path, shoal.Integrity),
			"it names the shoal this node belongs to; delete it and join again with a new ticket")
	}
	return known, nil
}

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
