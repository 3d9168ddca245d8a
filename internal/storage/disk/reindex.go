package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"shoal"
	"shoal/internal/content"
)

// mendIndex puts in the place of a damaged index a new one, made from the hash
// lists among the blobs. What is in memory is recorded again.
func (s *Store) mendIndex(ctx context.Context, damaged database) error {
	return s.index.replace(damaged, func() error {
		var made reindexed
		aside, err := s.replaceDatabase(ctx, &s.index.mendable, indexFile, indexSteps(), func(to database) (err error) {
			made, err = s.reindex(ctx, s.index.database, to)
			return err
		})
		if err != nil {
			return mendError(indexFile, err, "check the disk, and start the node again: "+indexFile+" is made anew then from what lies in the store")
		}
		s.rerecord()
		s.trouble.tell(Notice{Kind: Rebuilt, Text: made.sentence(aside)})
		return nil
	})
}

// reindexed is what a new index was made from.
type reindexed struct {
	files int
	doubt int // files of which the old one did not say what is here
}

func (r reindexed) sentence(aside string) string {
	text := fmt.Sprintf("%s was damaged, and is made anew from the %d large files in the store", indexFile, r.files)
	if r.doubt > 0 {
		text += fmt.Sprintf(", %d of which are read through when they are next asked for", r.doubt)
	}
	return text + "; the damaged one is " + aside + " in it"
}

// reindex fills a new index with a row for each hash list. What the old one still
// says of a file, and what makes sense, is kept: its chunks are verified when they
// are read. Else the row says that it is in doubt.
func (s *Store) reindex(ctx context.Context, from, to database) (reindexed, error) {
	var made reindexed
	shards, err := s.root.List(blobsDir)
	if err != nil {
		return made, err
	}
	for _, shard := range shards {
		names, err := s.root.List(blobsDir + "/" + shard)
		if err != nil {
			return made, err
		}
		err = to.write(ctx, func(tx *sql.Tx) error {
			for _, name := range names {
				id, suffix, ok := parseBlobName(name)
				if !ok || suffix != listSuffix {
					continue
				}
				if err := s.reindexFile(ctx, from, tx, id, &made); err != nil {
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
func (s *Store) reindexFile(ctx context.Context, from database, tx *sql.Tx, id shoal.FileID, made *reindexed) error {
	f, err := readList(s.root, id)
	if errors.Is(err, errList) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	made.files++
	if h, ok := known(ctx, from, f); ok {
		return indexPut(ctx, tx, f, h)
	}
	_, err = s.root.Stat(dataName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return indexPut(ctx, tx, f, holding{bits: content.NewBitmap(f.Chunks()), sums: []byte{}})
	}
	if err != nil {
		return err
	}
	made.doubt++
	return indexDoubt(ctx, tx, f)
}

// known is what a damaged index still says of a file, if that makes sense.
func known(ctx context.Context, from database, f content.File) (holding, bool) {
	if from.DB == nil {
		return holding{}, false // SQLite does not even open it
	}
	r, err := readFile(ctx, from, f.ID)
	if err != nil || r.size != f.Size || r.chunkSize != f.ChunkSize {
		return holding{}, false // damage is what is expected here
	}
	bits, err := r.bitmap()
	return holding{bits: bits, sums: notNull(r.sums)}, err == nil
}

// indexDoubt writes the row of a file of which it is not known what is here.
func indexDoubt(ctx context.Context, tx *sql.Tx, f content.File) error {
	r := doubtful(f)
	_, err := tx.ExecContext(ctx, indexInsert, r.id[:], r.size, int(r.chunkSize), r.present, 0, r.bits, notNull(r.sums))
	return err
}

// doubtful is a row whose parts do not agree, as after damage: whoever loads the file
// reads its blob to find out what is there, and has that recorded.
func doubtful(f content.File) row {
	return row{id: f.ID, size: f.Size, chunkSize: f.ChunkSize, bits: content.FullBitmap(f.Chunks()).Bytes()}
}
