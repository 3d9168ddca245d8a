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

// reindexed is what a new index was made from.
type reindexed struct {
	files int
	doubt int // files of which the old one did not say what is here
}

func (r reindexed) sentence(aside string) string {
	text := fmt.Sprintf("%s was damaged, and is made anew from the %d large files in the store", layout.IndexFile, r.files)
	if r.doubt > 0 {
		text += fmt.Sprintf(", %d of which are read through when they are next asked for", r.doubt)
	}
	return text + "; the damaged one is " + aside + " in it"
}

// reindex fills a new index with a row for each hash list. What the old one still
// says of a file, and what makes sense, is kept: its chunks are verified when they
// are read. Else the row says that it is in doubt.
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

// reindexFile writes the row of one file. One without a hash list is being made or
// deleted at this moment: whoever does that writes its row.
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

// known is what a damaged index still says of a file, if that makes sense.
func known(ctx context.Context, from *sqlite.DB, f content.File) (tables.Holding, bool) {
	if from == nil {
		return tables.Holding{}, false // SQLite does not even open it
	}
	r, err := tables.IndexRow(ctx, from, f.ID)
	if err != nil || r.Size != f.Size || r.ChunkSize != f.ChunkSize {
		return tables.Holding{}, false // damage is what is expected here
	}
	bits, err := r.Bitmap()
	return tables.Holding{Bits: bits, Sums: append([]byte{}, r.Sums...)}, err == nil
}
