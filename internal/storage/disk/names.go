package disk

import (
	"strings"

	"shoal"
)

// What lies in a store's folder. docs/spec/disk.md says what each is for.
const (
	formatFile    = "format"
	lockFile      = "lock"
	indexFile     = "index.db"
	recordsFile   = "records.db"
	blobsDir      = "blobs"
	tmpDir        = "tmp"
	quarantineDir = "quarantine"

	dataSuffix = ".data"
	listSuffix = ".list"
)

// shardName is the folder that has a file's blob: one of 256, so that none
// grows too long.
func shardName(id shoal.FileID) string { return blobsDir + "/" + id.String()[:2] }

func dataName(id shoal.FileID) string { return shardName(id) + "/" + id.String() + dataSuffix }

func listName(id shoal.FileID) string { return shardName(id) + "/" + id.String() + listSuffix }

// parseBlobName says which file's data or hash list has the name, a last part
// of a path. ok is false for a name this package does not give.
func parseBlobName(name string) (id shoal.FileID, suffix string, ok bool) {
	for _, suffix := range []string{dataSuffix, listSuffix} {
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
