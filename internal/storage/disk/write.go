package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/vfs"
)

// Create makes room for a file.
func (s *Store) Create(ctx context.Context, c content.File) error {
	f, err := s.ensure(ctx, c)
	if err != nil {
		return fmt.Errorf("create file %s: %w", c.ID.Short(), err)
	}
	s.giveBack(f)
	return nil
}

// ensure gives the file to the caller, who must release it, and makes it known
// if it is not.
func (s *Store) ensure(ctx context.Context, c content.File) (*file, error) {
	if err := checkShape(c); err != nil {
		return nil, err
	}
	loading := context.WithoutCancel(ctx)
	for {
		f, err := s.files.acquire(c.ID, func(f *file) error {
			err := s.load(loading, f)
			if errors.Is(err, shoal.NotFound) {
				err = s.create(f, c)
			}
			return err
		})
		if errors.Is(err, shoal.NotFound) {
			continue // somebody asked for it at the same moment, and was told no
		}
		if err != nil {
			return nil, err
		}
		if err := s.outlive(ctx, f); err != nil {
			return nil, err
		} else if f.alive() == nil {
			return f, s.sameCut(f, c)
		}
		s.giveBack(f)
	}
}

// checkShape refuses what cannot be a file. That the hash list is right, the
// caller has seen to.
func checkShape(c content.File) error {
	if _, err := content.ParseChunkSize(int64(c.ChunkSize)); err != nil {
		return err
	}
	if c.Size < 0 || c.Size > content.MaxSize || len(c.List) != c.Chunks() || c.Chunks() > content.MaxChunks {
		return fmt.Errorf("a file of %d bytes does not have %d chunks: %w", c.Size, len(c.List), shoal.Usage)
	}
	return nil
}

// outlive waits until a file that is being deleted is.
func (s *Store) outlive(ctx context.Context, f *file) error {
	f.mu.RLock()
	gone := f.gone
	f.mu.RUnlock()
	if gone == nil {
		return nil
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		s.giveBack(f)
		return ctx.Err()
	}
}

// sameCut is shoal.Exists, and the file given back, if it is cut otherwise or
// has another size: the hash list does not tell how long the last chunk is, and
// one of the two was told wrong.
func (s *Store) sameCut(f *file, c content.File) error {
	if f.ChunkSize == c.ChunkSize && f.Size == c.Size {
		return nil
	}
	s.giveBack(f)
	if f.Size != c.Size {
		return shoal.WithHint(fmt.Errorf("it is known here to have %d bytes, not %d: %w", f.Size, c.Size, shoal.Exists),
			"remove the file first, if what is known here is wrong")
	}
	return cutOtherwise("here", f.ChunkSize, c.ChunkSize)
}

// create makes a file known that is not. A large one's hash list is durable
// then but for its name, which the next commit sees to before it records it.
func (s *Store) create(f *file, c content.File) error {
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.space.Room(int64(len(c.List) * len(content.CV{}))); err != nil {
		return err
	}
	s.describe(f, c)
	if !f.small() {
		if err := s.makeShard(c.ID); err != nil {
			return body.WriteError(err)
		}
		if err := layout.WriteList(s.root, c); err != nil {
			if errors.Is(err, layout.ErrSync) {
				return s.fail(err)
			}
			return body.WriteError(err)
		}
	}
	s.usage.files.Add(1)
	s.commits.add(f, 0)
	return nil
}

// makeShard makes sure of the folder of a blob.
func (s *Store) makeShard(id shoal.FileID) error {
	known := &s.shards[id[0]]
	if known.Load() {
		return nil
	}
	if err := s.root.MakeDir(layout.ShardName(id)); err != nil {
		return err
	}
	if err := s.root.SyncDir(layout.BlobsDir); err != nil {
		return s.fail(err)
	}
	known.Store(true)
	return nil
}

// Put writes one chunk into the store's own place of the file.
func (s *Store) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	err := s.putOwn(ctx, chunk.File, func(f *file, p *place) error { return s.put(f, p, chunk.Index, data) })
	if err != nil {
		return fmt.Errorf("write chunk %s: %w", chunk, err)
	}
	return nil
}

// putOwn has put write to the store's own place of a file.
func (s *Store) putOwn(ctx context.Context, id shoal.FileID, put func(*file, *place) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := s.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer s.giveBack(f)
	p, err := s.ownPlace(f)
	if err != nil {
		return err
	}
	f.putting.RLock()
	defer f.putting.RUnlock()
	return put(f, p)
}

// put writes a chunk at a place.
func (s *Store) put(f *file, p *place, i int, data []byte) error {
	if err := f.checkChunk(i); err != nil {
		return err
	}
	if len(data) != f.ChunkLen(i) {
		return fmt.Errorf("it has %d bytes, not %d: %w", f.ChunkLen(i), len(data), shoal.Usage)
	}
	if err := s.writable(); err != nil {
		return err
	}
	if f.has(p, i) {
		return nil
	}
	if err := p.body.Room(int64(len(data))); err != nil {
		return err
	}
	if err := writeFull(p.body, data, f.ChunkOffset(i)); err != nil {
		return body.WriteError(err)
	}
	return s.markFresh(f, p, i, data)
}

func writeFull(w io.WriterAt, data []byte, off int64) error {
	n, err := w.WriteAt(data, off)
	if err == nil && n < len(data) {
		return io.ErrShortWrite
	}
	return err
}

// markFresh counts a chunk that was verified and is written, for the next
// commit.
func (s *Store) markFresh(f *file, p *place, i int, chunk []byte) error {
	sum, length := f.sumOf(chunk), int64(len(chunk))
	f.mu.Lock()
	err := f.usable(p)
	added := err == nil && !p.durable.Has(i) && p.fresh.Set(i)
	if added {
		p.sums.Set(i, f.Chunks(), sum)
		p.changes++
	}
	f.mu.Unlock()
	if added {
		s.usage.add(p, length)
		s.commits.add(f, length)
	}
	return err
}

// usable is an error if nothing that is put at the place will last. It is
// called with mu held.
func (f *file) usable(p *place) error {
	if err := f.aliveLocked(); err != nil {
		return err
	}
	if p.broken != nil {
		return p.broken
	}
	if !slices.Contains(f.places, p) {
		return body.ErrGuard
	}
	return nil
}

// ownPlace is the store's own place of a file, made if there is none.
func (s *Store) ownPlace(f *file) (*place, error) {
	f.mu.RLock()
	p := f.own()
	f.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	f.making.Lock()
	defer f.making.Unlock()
	f.mu.RLock()
	p = f.own()
	f.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	if err := errors.Join(s.writable(), f.alive()); err != nil {
		return nil, err
	}
	p, err := s.makeOwn(f)
	if err != nil {
		return nil, body.WriteError(err)
	}
	return p, f.attach(p)
}

// makeOwn makes an empty place: for a large file, a sparse file of full size.
func (s *Store) makeOwn(f *file) (*place, error) {
	none := content.NewBitmap(f.Chunks())
	if f.small() {
		return newPlace(body.NewMemory(s.space, nil), none), nil
	}
	if err := s.space.Room(0); err != nil {
		return nil, err
	}
	name := layout.DataName(f.ID)
	if err := vfs.RemoveIfThere(s.root, name); err != nil {
		return nil, err
	}
	file, err := s.root.Open(name, vfs.CreateNew)
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(f.Size); err != nil {
		return nil, errors.Join(err, file.Close(), s.root.Remove(name))
	}
	p := newPlace(s.blob(f.ID).Opened(file), none)
	p.folder = f.shard
	return p, nil
}

// Sync makes every chunk of the file that was put before it durable.
func (s *Store) Sync(ctx context.Context, id shoal.FileID) error {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer s.giveBack(f)
	if err := f.alive(); err != nil {
		return err
	}
	if err := s.sync(ctx, f); err != nil {
		return fmt.Errorf("sync file %s: %w", id.Short(), err)
	}
	return nil
}

// sync waits until all of the file is recorded.
func (s *Store) sync(ctx context.Context, f *file) error {
	if err := s.writable(); err != nil {
		return err
	}
	if !f.unsettled() {
		return nil
	}
	return s.commits.wait(ctx)
}
