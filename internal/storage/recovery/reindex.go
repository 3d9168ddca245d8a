package recovery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// reindexed counts the rows of a new index.
type reindexed struct {
	files int
	doubt int // files without a usable row in the old index
}

func (r reindexed) sentence(aside string) string {
	text := fmt.Sprintf("%s was damaged, and is made anew from the %d large files in the store", layout.IndexFile, r.files)
	if r.doubt > 0 {
		text += fmt.Sprintf(", %d of which are read through when they are next asked for", r.doubt)
	}
	return text + "; the damaged one is " + aside + " in it"
}

// reindex fills a new index with a row for each hash list. It copies consistent rows
// of the old index, whose chunks are verified when they are read. For other files it
// writes a row in doubt.
func reindex(ctx context.Context, root vfs.FS, from, to *sqlite.DB) (reindexed, error) {
	var made reindexed
	shards, err := root.List(layout.BlobsDir)
	if err != nil {
		return made, err
	}
	for _, shard := range shards {
		names, err := root.List(layout.BlobsDir + "/" + shard)
		if err != nil {
			return made, err
		}
		err = to.Transact(ctx, func(tx *sql.Tx) error {
			for _, name := range names {
				id, suffix, ok := layout.ParseBlobName(name)
				if !ok || suffix != layout.ListSuffix {
					continue
				}
				if err := reindexFile(ctx, root, from, tx, id, &made); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

// reindexFile writes the row of one file. A file without a hash list is being made
// or deleted at this moment, and its row is written by that call.
func reindexFile(ctx context.Context, root vfs.FS, from *sqlite.DB, tx *sql.Tx, id shoal.FileID, made *reindexed) error {
	f, err := layout.ReadList(root, id)
	if errors.Is(err, layout.ErrList) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	made.files++
	if h, ok := known(ctx, from, f); ok {
		return tables.IndexPut(ctx, tx, f, h)
	}
	_, err = root.Stat(layout.DataName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return tables.IndexPut(ctx, tx, f, tables.Holding{Bits: content.NewBitmap(f.Chunks()), Sums: []byte{}})
	}
	if err != nil {
		return err
	}
	made.doubt++
	return tables.IndexDoubt(ctx, tx, f)
}

// known reads the row of a file from a damaged index, if it is consistent.
func known(ctx context.Context, from *sqlite.DB, f content.File) (tables.Holding, bool) {
	if from == nil {
		return tables.Holding{}, false // SQLite does not even open it
	}
	r, err := tables.IndexRow(ctx, from, f.ID)
	if err != nil || r.Size != f.Size || r.ChunkSize != f.ChunkSize {
		return tables.Holding{}, false // damage is expected here
	}
	bits, err := r.Bitmap()
	return tables.Holding{Bits: bits, Sums: append([]byte{}, r.Sums...)}, err == nil
}
