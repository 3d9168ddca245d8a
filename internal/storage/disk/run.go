package disk

import (
	"context"
	"fmt"

	"shoal"
)

// PutRun writes adjacent chunks, from the first on, in one go: for small chunks
// the call costs more than the bytes. data has each of them whole, and the
// caller has verified them. Errors are as for Put; none of the chunks counts
// as written then.
func (o *Output) PutRun(ctx context.Context, first int, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.store.putRun(o.file, o.place, first, data); err != nil {
		return fmt.Errorf("write chunks from %d of %s: %w", first, o.target, err)
	}
	return nil
}

func (s *Store) putRun(f *file, p *place, first int, data []byte) error {
	if err := f.checkChunk(first); err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	count := f.ChunkSize.Chunks(int64(len(data)))
	end := first + count
	if end > f.Chunks() || f.ChunkOffset(end-1)+int64(f.ChunkLen(end-1)) != f.ChunkOffset(first)+int64(len(data)) {
		return fmt.Errorf("%d bytes are not whole chunks: %w", len(data), shoal.Usage)
	}
	if err := p.body.room(int64(len(data))); err != nil {
		return err
	}
	if err := writeFull(p.body, data, f.ChunkOffset(first)); err != nil {
		return writeError(err)
	}
	for i := first; i < end; i++ {
		chunk := data[:f.ChunkLen(i)]
		data = data[len(chunk):]
		if err := s.markFresh(f, p, i, chunk); err != nil {
			return err
		}
	}
	return nil
}
