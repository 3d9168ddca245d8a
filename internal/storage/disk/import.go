package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/vfs"
)

// ErrChanged means that a file was changed while it was read, so that no id
// can be right for it.
var ErrChanged = errors.New("the file changed while it was read")

// Import takes a copy of src, a regular file, into the store, cut at cs or, if
// cs is 0, as the file is cut already, here or by others (Options.CutOf), else at
// content.DefaultChunkSize. It is durable on return. Progress,
// unless it is nil, is called by this goroutine with the bytes done since the
// last call. If the store has the file whole already, the copy is dropped and
// the file returned is cut as that one is. Errors, after which nothing is
// here that was not: ErrChanged; shoal.NoSpace; shoal.Usage if src is no regular file;
// shoal.Exists if part of the file is here, or it is with others, and cut
// otherwise; ErrFailing.
func (s *Store) Import(ctx context.Context, src *os.File, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	c, err := s.importFile(ctx, src, cs, progress)
	if err != nil {
		return content.File{}, fmt.Errorf("import %s: %w", src.Name(), err)
	}
	return c, nil
}

func (s *Store) importFile(ctx context.Context, src *os.File, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	before, err := statSource(src)
	if err != nil {
		return content.File{}, err
	}
	if err := s.writable(); err != nil {
		return content.File{}, err
	}
	if err := s.space.Room(before.Size); err != nil {
		return content.File{}, err
	}
	if before.Size <= layout.SmallFile {
		return s.importSmall(ctx, src, before, cs, progress)
	}
	return s.importLarge(ctx, src, before, cs, progress)
}

// statSource describes a file that is about to be read whole.
func statSource(src *os.File) (vfs.Info, error) {
	info, err := vfs.InfoOf(src)
	if err == nil && !info.Regular {
		err = fmt.Errorf("it is no regular file: %w", shoal.Usage)
	}
	return info, err
}

// unchanged is ErrChanged unless the file is as it was before it was read.
func unchanged(before, after vfs.Info) error {
	if before != after {
		return changed(nil)
	}
	return nil
}

func changed(cause error) error {
	return shoal.WithHint(errors.Join(ErrChanged, cause), "add it again when nothing writes to it")
}

// hashError tells a file that changed its length from other failures.
func hashError(err error) error {
	if errors.Is(err, content.ErrSize) {
		return changed(err)
	}
	return body.WriteError(err)
}

// importSmall reads the file into memory and puts it into the records.
func (s *Store) importSmall(ctx context.Context, src *os.File, before vfs.Info, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	data := make([]byte, before.Size)
	if n, err := src.ReadAt(data, 0); n < len(data) {
		if errors.Is(err, io.EOF) {
			err = changed(err)
		}
		return content.File{}, err
	}
	after, err := statSource(src)
	if err := errors.Join(err, unchanged(before, after)); err != nil {
		return content.File{}, err
	}
	c, _, err := s.hashCut(ctx, cs, before.Size, bytes.NewReader(data), func(cs content.ChunkSize) (content.File, sums.List, error) {
		return hashSummed(ctx, bytes.NewReader(data), before.Size, cs, progress)
	})
	if err != nil {
		return content.File{}, err
	}
	return s.take(ctx, c, func(f *file) (*place, error) {
		return newPlace(body.NewMemory(s.space, data), content.NewBitmap(f.Chunks())), nil
	}, bytes.NewReader(data))
}

// importLarge copies the file to tmp/, hashing the copy, and then takes the
// copy for the file's blob.
func (s *Store) importLarge(ctx context.Context, src *os.File, before vfs.Info, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	name := s.tempName()
	tmp, err := s.root.Open(name, vfs.CreateNew)
	if err != nil {
		return content.File{}, body.WriteError(err)
	}
	c, crcs, err := s.copyWhole(ctx, src, tmp, before, cs, progress)
	taken := false
	if err == nil {
		c, err = s.take(ctx, c, func(f *file) (*place, error) {
			taken = true
			return s.adoptTemp(f, name, crcs)
		}, tmp)
	}
	err = errors.Join(err, tmp.Close())
	if !taken {
		err = errors.Join(err, vfs.RemoveIfThere(s.root, name))
	}
	return c, err
}

// copyWhole makes tmp a copy of src, and the bytes of it durable.
func (s *Store) copyWhole(ctx context.Context, src *os.File, tmp vfs.File, before vfs.Info, cs content.ChunkSize, progress func(n int64)) (content.File, sums.List, error) {
	c, crcs, err := s.hashCut(ctx, cs, before.Size, tmp, func(cs content.ChunkSize) (content.File, sums.List, error) {
		return copyHashed(ctx, src, tmp, before.Size, cs, progress)
	})
	if err != nil {
		return content.File{}, nil, hashError(err)
	}
	after, err := statSource(src)
	if err := errors.Join(err, unchanged(before, after)); err != nil {
		return content.File{}, nil, err
	}
	if err := tmp.Sync(); err != nil {
		return content.File{}, nil, s.fail(err)
	}
	return c, crcs, nil
}

// adoptTemp makes the file at name, whose bytes are durable, the file's blob.
func (s *Store) adoptTemp(f *file, name string, crcs sums.List) (*place, error) {
	if err := s.root.Rename(name, layout.DataName(f.ID)); err != nil {
		return nil, errors.Join(err, s.root.Remove(name))
	}
	p := newPlace(s.blob(f.ID), content.NewBitmap(f.Chunks()))
	p.folder, p.sums = f.shard, crcs
	return p, nil
}

// take makes a copy the file's own place, durable on return. If the file has a
// place of its own already, what that lacks is put there from the copy.
func (s *Store) take(ctx context.Context, c content.File, place func(*file) (*place, error), bytes io.ReaderAt) (content.File, error) {
	f, err := s.ensureWhole(ctx, c)
	if err != nil {
		return content.File{}, err
	}
	defer s.giveBack(f)
	if err := s.takeOver(ctx, f, place, bytes); err != nil {
		return content.File{}, err
	}
	// The little that is left is done, whatever the caller waits for.
	return f.File, s.sync(context.WithoutCancel(ctx), f)
}

// ensureWhole is ensure, but a file that is wholly here may be cut otherwise.
func (s *Store) ensureWhole(ctx context.Context, c content.File) (*file, error) {
	f, err := s.ensure(ctx, c)
	if !errors.Is(err, shoal.Exists) {
		return f, err
	}
	other, failure := s.acquire(ctx, c.ID)
	if failure != nil {
		return nil, failure
	}
	other.mu.RLock()
	own := other.own()
	whole := own != nil && own.durable.Full()
	other.mu.RUnlock()
	if whole {
		return other, nil
	}
	s.giveBack(other)
	return nil, err
}

func (s *Store) takeOver(ctx context.Context, f *file, place func(*file) (*place, error), bytes io.ReaderAt) error {
	f.making.Lock()
	defer f.making.Unlock()
	f.mu.RLock()
	own := f.own()
	f.mu.RUnlock()
	if own != nil {
		return s.fillIn(ctx, f, own, bytes)
	}
	if err := f.alive(); err != nil {
		return err
	}
	p, err := place(f)
	if err != nil {
		return body.WriteError(err)
	}
	return s.attachWhole(f, p)
}

// attachWhole gives the file a new place that has all of it, for the next
// commit.
func (s *Store) attachWhole(f *file, p *place) error {
	p.fresh = content.FullBitmap(f.Chunks())
	p.changes++
	if err := f.attach(p); err != nil {
		return err
	}
	s.usage.add(p, f.Size)
	s.commits.add(f, 0) // that its bytes are many makes it no more urgent
	return nil
}

// fillIn puts the chunks that a place lacks.
func (s *Store) fillIn(ctx context.Context, f *file, p *place, from io.ReaderAt) error {
	have := f.readable(p)
	if have.Full() {
		return nil
	}
	buf := make([]byte, f.ChunkSize)
	for i := range f.Chunks() {
		if have.Has(i) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := buf[:f.ChunkLen(i)]
		if err := verifiedRead(f, from, i, chunk); err != nil {
			return err
		}
		if err := s.put(f, p, i, chunk); err != nil {
			return err
		}
	}
	return nil
}
