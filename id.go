package shoal

import (
	"encoding/hex"
	"fmt"
)

// FileIDSize is the length of a FileID in bytes.
const FileIDSize = 32

// MinPrefix is the fewest hex digits by which a person may name a file.
const MinPrefix = 8

// FileID names immutable bytes: the BLAKE3-256 hash of the whole file, which
// is what `b3sum FILE` prints. It says nothing of how the file is cut.
type FileID [FileIDSize]byte

// ParseFileID reads the 64 hex digits that String prints, in either case.
// Anything else is a Usage error.
func ParseFileID(s string) (FileID, error) {
	var id FileID
	if len(s) != 2*FileIDSize {
		return id, fmt.Errorf("a file id has %d hex digits, this has %d: %w", 2*FileIDSize, len(s), Usage)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return FileID{}, fmt.Errorf("file id %q is not hexadecimal: %w", s, Usage)
	}
	return id, nil
}

// String is the id as 64 lower-case hex digits.
func (id FileID) String() string { return hex.EncodeToString(id[:]) }

// Short is enough of the id for a person to tell files apart.
func (id FileID) Short() string { return hex.EncodeToString(id[:6]) }

// IsZero reports whether the id was never set; no file has the zero id.
func (id FileID) IsZero() bool { return id == FileID{} }

// MarshalText writes the form that String prints.
func (id FileID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the form that ParseFileID reads.
func (id *FileID) UnmarshalText(text []byte) error {
	parsed, err := ParseFileID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// NodeID names a node by its key: the libp2p peer ID of its Ed25519 public
// key, in the text form libp2p prints (12D3Koo...). A connection proves it.
type NodeID string

// Short is enough of the id for a person to tell nodes apart: its end, for
// all Ed25519 peer IDs begin alike.
func (id NodeID) Short() string {
	const tail = 8
	if len(id) <= tail {
		return string(id)
	}
	return string(id[len(id)-tail:])
}

// Chunk names one chunk of a file by its place in it, counted from 0.
type Chunk struct {
	File  FileID
	Index int
}

func (c Chunk) String() string { return fmt.Sprintf("%s/%d", c.File.Short(), c.Index) }
