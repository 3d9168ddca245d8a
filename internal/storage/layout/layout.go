// Package layout defines a store's folder: file names, the format and lock files,
// hash list files, and the quarantine. docs/spec/disk.md has the formats.
//
// It does not know the databases or the store's logic.
package layout

import (
	"strings"

	"shoal"
)

// The names in a store's folder. docs/spec/disk.md gives their purpose.
const (
	FormatFile    = "format"
	LockFile      = "lock"
	IndexFile     = "index.db"
	RecordsFile   = "records.db"
	BlobsDir      = "blobs"
	TmpDir        = "tmp"
	QuarantineDir = "quarantine"

	DataSuffix = ".data"
	ListSuffix = ".list"
)

// SmallFile is the largest file, in bytes, that lies in the records and not in
// a blob of its own.
const SmallFile = 16 << 10

// Reserve is how many bytes of a store's disk are not given to new data, so
// that the databases always have room to record, and to delete.
const Reserve = 8 << 20

// ShardName is the folder that has a file's blob: one of 256, so that none
// grows too long.
func ShardName(id shoal.FileID) string { return BlobsDir + "/" + id.String()[:2] }

// DataName returns the path of a large file's bytes.
func DataName(id shoal.FileID) string { return ShardName(id) + "/" + id.String() + DataSuffix }

// ListName returns the path of a large file's hash list.
func ListName(id shoal.FileID) string { return ShardName(id) + "/" + id.String() + ListSuffix }

// ParseBlobName says which file's data or hash list has the name, a last part
// of a path. ok is false for a name this package does not give.
func ParseBlobName(name string) (id shoal.FileID, suffix string, ok bool) {
	for _, suffix := range []string{DataSuffix, ListSuffix} {
		stem, found := strings.CutSuffix(name, suffix)
		if !found || strings.ToLower(stem) != stem {
			continue
		}
		if id, err := shoal.ParseFileID(stem); err == nil {
			return id, suffix, true
		}
	}
	return shoal.FileID{}, "", false
}
