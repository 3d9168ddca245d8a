package disk

import (
	"context"
	"fmt"
	"io"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/sums"
)

// hashCut hashes a file cut at cs or, if cs is 0, as it is cut already. How that is
// is known only with its id; so if it is not the default, what was hashed, and must
// lie at from, is hashed again.
func (s *Store) hashCut(ctx context.Context, cs content.ChunkSize, size int64, from io.ReaderAt, hash func(content.ChunkSize) (content.File, sums.List, error)) (content.File, sums.List, error) {
	asked := cs
	if cs == 0 {
		cs = content.DefaultChunkSize(size)
	}
	c, crcs, err := hash(cs)
	if err != nil {
		return content.File{}, nil, err
	}
	known, here := s.knownCut(ctx, c.ID)
	switch {
	case known == 0 || known == cs:
		return c, crcs, nil
	case asked == 0:
		return hashSummed(ctx, from, size, known, nil)
	case here:
		return c, crcs, nil // which may be whole, and so be good enough
	}
	return content.File{}, nil, cutOtherwise("in this shoal", known, cs)
}

// knownCut is how a file is cut of which something is here, or which others have; 0
// if nobody has it.
func (s *Store) knownCut(ctx context.Context, id shoal.FileID) (known content.ChunkSize, here bool) {
	if f, err := s.acquire(ctx, id); err == nil {
		defer s.giveBack(f)
		return f.ChunkSize, true
	}
	if s.cutOf == nil {
		return 0, false
	}
	return s.cutOf(ctx, id), false
}

// cutOtherwise says that a file is known cut otherwise than it is to be. Nodes do not
// trade chunks of a file that they cut differently.
func cutOtherwise(where string, known, asked content.ChunkSize) error {
	return shoal.WithHint(fmt.Errorf("it is %s cut into chunks of %d bytes, not %d: %w", where, known, asked, shoal.Exists),
		"leave out the chunk size, or remove the file first")
}
