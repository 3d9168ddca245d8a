package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
	"shoal/internal/storage/body"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/tables"
)

// File is what the store knows of a file.
func (s *Store) File(ctx context.Context, id shoal.FileID) (content.File, error) {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return content.File{}, err
	}
	defer s.giveBack(f)
	return f.File, f.alive()
}

// Has tells which chunks of the file are durable here, in whatever place.
func (s *Store) Has(ctx context.Context, id shoal.FileID) (content.Bitmap, error) {
	f, err := s.acquire(ctx, id)
	if err != nil {
		return content.Bitmap{}, err
	}
	defer s.giveBack(f)
	return f.durable()
}

// Get reads one chunk into buf from the first place where it verifies. Places
// where it does not are told of, and do not have it any more.
func (s *Store) Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	f, err := s.acquire(ctx, chunk.File)
	if err != nil {
		return 0, err
	}
	defer s.giveBack(f)
	if err := f.checkChunk(chunk.Index); err != nil {
		return 0, fmt.Errorf("read chunk %s: %w", chunk, err)
	}
	length := f.ChunkLen(chunk.Index)
	if len(buf) < length {
		return 0, fmt.Errorf("read chunk %s of %d bytes into %d: %w", chunk, length, len(buf), shoal.Usage)
	}
	if err := s.get(f, chunk.Index, buf[:length]); err != nil {
		return 0, fmt.Errorf("read chunk %s: %w", chunk, err)
	}
	return length, nil
}

// get tries the places in turn.
func (s *Store) get(f *file, i int, buf []byte) error {
	var failure error
	for _, p := range f.all() {
		if !f.has(p, i) {
			continue
		}
		err := s.readChunk(f, p, i, buf, bySum)
		if err == nil {
			return nil
		}
		failure = errors.Join(failure, err)
	}
	if failure != nil && !errors.Is(failure, shoal.Integrity) && !body.Lost(failure) {
		return failure
	}
	if err := f.alive(); err != nil {
		return err
	}
	if failure != nil {
		return fmt.Errorf("%w: %w", storage.ErrAbsent, failure)
	}
	return storage.ErrAbsent
}

// checkChunk refuses a chunk the file does not have.
func (f *file) checkChunk(i int) error {
	if i < 0 || i >= f.Chunks() {
		return fmt.Errorf("the file has %d chunks: %w", f.Chunks(), shoal.Usage)
	}
	return f.alive()
}

// has reports whether the chunk can be read at the place.
func (f *file) has(p *place, i int) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return p.has(i)
}

// proof is what it takes to believe that bytes are those of a chunk.
type proof uint8

const (
	bySum  proof = iota // the sum that they had when they were verified; else the hash
	byHash              // the hash, and nothing less
)

// readChunk reads and verifies a chunk at one place, of which it makes known
// what is wrong with it.
func (s *Store) readChunk(f *file, p *place, i int, buf []byte, by proof) error {
	err := s.provenRead(f, p, i, buf, by)
	if body.Lost(err) {
		s.rescue(f, p)
		err = s.provenRead(f, p, i, buf, by) // somebody else may have rescued it too
	}
	switch {
	case body.Lost(err):
		s.dropPlace(f, p, err)
	case errors.Is(err, shoal.Integrity):
		s.markRotten(f, p, i, err)
	}
	return err
}

// provenRead reads a chunk at a place. Errors are as for verifiedRead.
func (s *Store) provenRead(f *file, p *place, i int, buf []byte, by proof) error {
	if err := fullRead(f, p.body, i, buf); err != nil {
		return err
	}
	sum := f.sumOf(buf)
	if by == bySum && sum != 0 && sum == f.sum(p, i) {
		return nil
	}
	if err := f.Verify(i, buf); err != nil {
		return err
	}
	s.learn(f, p, i, sum)
	return nil
}

// sumOf is the sum of a chunk. The chunks of small files have none: their
// hashes cost little.
func (f *file) sumOf(chunk []byte) uint32 {
	if f.small() {
		return 0
	}
	return sums.Of(chunk)
}

// sum is the sum that chunk i at the place must have; 0 if that is not known.
func (f *file) sum(p *place, i int) uint32 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return p.sums.At(i)
}

// learn remembers the sum of a chunk that was verified by its hash, for the
// next commit to record.
func (s *Store) learn(f *file, p *place, i int, sum uint32) {
	f.mu.Lock()
	news := p.has(i) && p.sums.At(i) != sum
	if news {
		p.sums.Set(i, f.Chunks(), sum)
		p.changes++
	}
	f.mu.Unlock()
	if news {
		s.commits.add(f, 0)
	}
}

// verifiedRead reads a chunk: shoal.Integrity if the bytes are not there, not
// readable or not right, another error if the system is short of something.
func verifiedRead(f *file, from io.ReaderAt, i int, buf []byte) error {
	if err := fullRead(f, from, i, buf); err != nil {
		return err
	}
	return f.Verify(i, buf)
}

// fullRead reads all of a chunk, right or not. Errors are as for verifiedRead.
func fullRead(f *file, from io.ReaderAt, i int, buf []byte) error {
	n, err := from.ReadAt(buf, f.ChunkOffset(i))
	switch {
	case n == len(buf):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the file there ends early: %w", shoal.Integrity)
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: %w", err, shoal.Integrity)
	}
	return err
}

// markRotten makes a chunk absent at a place, and tells.
func (s *Store) markRotten(f *file, p *place, i int, cause error) {
	f.mu.Lock()
	found := p.clear(i)
	f.mu.Unlock()
	if !found {
		return // somebody else was first
	}
	s.usage.add(p, -int64(f.ChunkLen(i)))
	s.commits.add(f, 0)
	chunk, where := shoal.Chunk{File: f.ID, Index: i}, f.describe(p)
	s.trouble.tell(Notice{
		Kind:  Rotten,
		Chunk: chunk,
		Place: where,
		Text:  fmt.Sprintf("chunk %s in %s was bad, and is no longer used: %v", chunk, named(where), cause),
	})
}

// dropPlace gives up a place as a whole, and tells.
func (s *Store) dropPlace(f *file, p *place, cause error) {
	if !f.detach(p) {
		return
	}
	where := f.describe(p)
	s.usage.add(p, -tables.BytesOf(f.File, f.readable(p)))
	s.commits.add(f, 0)
	notice := Notice{
		Kind:  Dropped,
		Chunk: shoal.Chunk{File: f.ID},
		Place: where,
		Text:  fmt.Sprintf("%s %v: file %s is no longer served from it", named(where), cause, f.ID.Short()),
	}
	if errors.Is(cause, fs.ErrNotExist) { // a person may move a file, or delete it: that is no trouble
		s.trouble.mention(notice)
		return
	}
	s.trouble.tell(notice)
}

// breakPlace is for an output whose disk refused a sync: what was put and is
// not recorded may be lost, and nothing more is put there. What is recorded
// was synced before, and stays.
func (s *Store) breakPlace(f *file, p *place, cause error) {
	f.mu.Lock()
	first := p.broken == nil
	unsynced := tables.BytesOf(f.File, p.fresh)
	if first {
		p.broken = fmt.Errorf("%w: %w", storage.ErrFailing, cause)
		p.fresh, p.syncing = content.NewBitmap(f.Chunks()), content.NewBitmap(f.Chunks())
		p.recorded = p.changes
	}
	f.mu.Unlock()
	if !first {
		return
	}
	s.usage.add(p, -unsynced)
	where := f.describe(p)
	s.trouble.tell(Notice{
		Kind:  Failing,
		Chunk: shoal.Chunk{File: f.ID},
		Place: where,
		Text:  fmt.Sprintf("%s cannot be made durable, and is given up: %v", where.Path, cause),
	})
}

// named is what a sentence calls a place.
func named(p shoal.Place) string {
	if p.Kind == shoal.PlaceLinked {
		return p.Path
	}
	return "the node's store"
}
