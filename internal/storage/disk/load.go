package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// acquire gives the file, loaded, to the caller, who must release it.
// shoal.NotFound if the store does not know it.
func (s *Store) acquire(ctx context.Context, id shoal.FileID) (*file, error) {
	// Others may wait for the same load, and they have not given up.
	ctx = context.WithoutCancel(ctx)
	f, err := s.files.acquire(id, func(f *file) error { return s.load(ctx, f) })
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", id.Short(), err)
	}
	return f, nil
}

// giveBack releases a file. That a descriptor does not close is nothing that
// a caller could do anything about.
func (s *Store) giveBack(f *file) { _ = s.files.release(f) }

// load fills in what is recorded of a file. It looks among the small ones
// first, for which a query is most of the work there is.
func (s *Store) load(ctx context.Context, f *file) error {
	if s.files.missed(f.ID) {
		return shoal.NotFound
	}
	hasLinks, err := s.loadSmall(ctx, f)
	if errors.Is(err, shoal.NotFound) {
		hasLinks, err = true, s.loadLarge(ctx, f)
	}
	if err != nil {
		return err
	}
	f.recorded = true
	if !hasLinks {
		return nil
	}
	return s.loadLinks(ctx, f)
}

// loadLarge reads a file's row of the index, and its hash list, which proves itself:
// of the two it is the one to be believed.
func (s *Store) loadLarge(ctx context.Context, f *file) error {
	r, err := s.index.File(ctx, f.ID)
	if err != nil {
		return err
	}
	c, err := layout.ReadList(s.root, f.ID)
	if errors.Is(err, layout.ErrList) || errors.Is(err, fs.ErrNotExist) {
		return errors.Join(shoal.NotFound, s.abandon(ctx, f.ID))
	}
	if err != nil {
		return err
	}
	if c.Size != r.Size || c.ChunkSize != r.ChunkSize {
		r = tables.Doubtful(c)
	}
	s.describe(f, c)
	return s.loadBlob(ctx, f, r)
}

// loadBlob adds a large file's own place. If its row or its length make no
// sense, what the place has is found by reading it.
func (s *Store) loadBlob(ctx context.Context, f *file, r tables.Row) error {
	bits, damage := r.Bitmap()
	if damage == nil && bits.Count() == 0 {
		return nil
	}
	info, err := s.root.Stat(layout.DataName(f.ID))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if damage != nil {
		bits = content.NewBitmap(f.Chunks())
	}
	p := f.add(newPlace(s.blob(f.ID), bits))
	p.sums = sums.Unpack(r.Sums, bits)
	if damage == nil && err == nil && info.Size == f.Size {
		return nil
	}
	return s.recheck(ctx, f, p, nil)
}

// add adds a place while the file is loaded, when nobody else has it yet.
func (f *file) add(p *place) *place {
	f.places = append(f.places, p)
	return p
}

// describe fills in what a file is.
func (s *Store) describe(f *file, c content.File) {
	f.File = c
	if !f.small() {
		f.shard = body.Folder{FS: s.root, Name: layout.ShardName(c.ID), Key: layout.ShardName(c.ID)}
	}
}

// blob is the body of a large file in the store's own folder.
func (s *Store) blob(id shoal.FileID) *body.Blob {
	return body.NewBlob(s.space, func() (vfs.File, error) { return s.root.Open(layout.DataName(id), vfs.ReadWrite) })
}

// abandon forgets a large file whose hash list is gone or wrong: its chunks
// cannot be verified any more. What is left of it goes into quarantine.
func (s *Store) abandon(ctx context.Context, id shoal.FileID) error {
	for _, name := range []string{layout.ListName(id), layout.DataName(id)} {
		if _, err := s.root.Stat(name); err != nil {
			continue
		}
		if err := s.quarantine(name, filepath.Base(name)); err != nil {
			return err
		}
	}
	return s.index.Forget(ctx, id)
}

// loadSmall reads a small file whole, and tells whether there are links to read.
func (s *Store) loadSmall(ctx context.Context, f *file) (hasLinks bool, err error) {
	r, err := s.records.Small(ctx, f.ID)
	if err != nil {
		return false, err
	}
	c, err := r.File()
	if err != nil {
		return false, errors.Join(shoal.NotFound, s.abandonSmall(ctx, r, err))
	}
	s.describe(f, c)
	return r.HasLinks, s.loadBytes(ctx, f, r)
}

// loadBytes adds a small file's own place. If its row makes no sense, what the
// place has is found by reading it.
func (s *Store) loadBytes(ctx context.Context, f *file, r tables.SmallRow) error {
	own := body.NewMemory(s.space, r.Data)
	if bits, err := r.Bitmap(); err != nil {
		return s.recheck(ctx, f, f.add(newPlace(own, content.NewBitmap(f.Chunks()))), nil)
	} else if bits.Count() > 0 {
		f.add(newPlace(own, bits))
	}
	return nil
}

// abandonSmall forgets a small file whose row makes no sense. Its bytes go
// into quarantine.
func (s *Store) abandonSmall(ctx context.Context, r tables.SmallRow, cause error) error {
	name := s.tempName()
	file, err := s.root.Open(name, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(r.Data, 0)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := s.quarantine(name, r.ID.String()+".small"); err != nil {
		return err
	}
	return errors.Join(cause, s.records.Forget(ctx, r.ID))
}

// loadLinks adds the places that are people's files, and that still are what
// they were.
func (s *Store) loadLinks(ctx context.Context, f *file) error {
	rows, err := s.records.Links(ctx, f.ID)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.loadLink(ctx, f, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) loadLink(ctx context.Context, f *file, r tables.LinkRow) error {
	l := body.NewLink(s.system, r.Spot)
	bits, damage := tables.UnpackBits(r.Bits, r.Present, f.Chunks())
	if damage != nil {
		bits = content.NewBitmap(f.Chunks())
	}
	p := f.add(newPlace(l, bits))
	p.sums = sums.Unpack(r.Sums, bits)
	if err := l.Use(nil); body.Lost(err) && !s.rescue(f, p) {
		s.dropPlace(f, p, err)
		return nil
	}
	if damage != nil {
		return s.recheck(ctx, f, p, nil)
	}
	return nil // what else is wrong with it, its next use will tell
}
