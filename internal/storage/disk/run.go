package disk

import (
	"context"
	"fmt"

	"shoal"
	"shoal/internal/storage/body"
)

// PutRun writes adjacent chunks, from the first on, in one go: the calls of many
// small ones cost more than their bytes, and a disk takes a few megabytes at once in less
// time. The caller has verified them. Errors are as for Put; none of the chunks
// counts as written then.
func (o *Output) PutRun(ctx context.Context, first int, chunks [][]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.store.putRun(o.file, o.place, first, chunks); err != nil {
		return fmt.Errorf("write chunks from %d of %s: %w", first, o.target, err)
	}
	return nil
}

// PutRun writes adjacent chunks into the store's own place of the file.
func (s *Store) PutRun(ctx context.Context, id shoal.FileID, first int, chunks [][]byte) error {
	err := s.putOwn(ctx, id, func(f *file, p *place) error { return s.putRun(f, p, first, chunks) })
	if err != nil {
		return fmt.Errorf("write chunks from %d of %s: %w", first, id.Short(), err)
	}
	return nil
}

func (s *Store) putRun(f *file, p *place, first int, chunks [][]byte) error {
	size := int64(0)
	for i, chunk := range chunks {
		if err := f.checkChunk(first + i); err != nil {
			return err
		}
		if len(chunk) != f.ChunkLen(first+i) {
			return fmt.Errorf("chunk %d has %d bytes, not %d: %w", first+i, f.ChunkLen(first+i), len(chunk), shoal.Usage)
		}
		size += int64(len(chunk))
	}
	if err := s.writable(); err != nil || size == 0 {
		return err
	}
	if err := p.body.Room(size); err != nil {
		return err
	}
	if err := p.body.WriteRun(chunks, f.ChunkOffset(first)); err != nil {
		return body.WriteError(err)
	}
	for i, chunk := range chunks {
		if err := s.markFresh(f, p, first+i, chunk); err != nil {
			return err
		}
	}
	return nil
}
