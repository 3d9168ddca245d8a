package disk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// Link hashes the regular file at path and uses it where it lies, cut as
// Import cuts it. The file stays the person's: it is
// never written, moved or deleted, and is dropped when it is found changed.
// Progress and errors are as for Import; the record is durable on return.
func (s *Store) Link(ctx context.Context, path string, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return content.File{}, fmt.Errorf("link %s: %w", path, err)
	}
	c, err := s.linkFile(ctx, path, cs, progress)
	if err != nil {
		return content.File{}, fmt.Errorf("link %s: %w", path, err)
	}
	return c, nil
}

func (s *Store) linkFile(ctx context.Context, path string, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	if err := s.writable(); err != nil {
		return content.File{}, err
	}
	l, before, err := body.OpenLink(s.system, path)
	if err != nil {
		return content.File{}, err
	}
	c, err := s.linkOpen(ctx, l, before, cs, progress)
	if err != nil {
		return content.File{}, errors.Join(err, l.Close())
	}
	return c, nil
}

// linkOpen hashes what is behind an open link, as it was before, and records it.
func (s *Store) linkOpen(ctx context.Context, l *body.Link, before vfs.Info, cs content.ChunkSize, progress func(n int64)) (content.File, error) {
	c, crcs, err := s.hashCut(ctx, cs, before.Size, l.File(), func(cs content.ChunkSize) (content.File, sums.List, error) {
		return hashSummed(ctx, l.File(), before.Size, cs, progress)
	})
	if err != nil {
		return content.File{}, hashError(err)
	}
	after, err := l.File().Stat()
	if err := errors.Join(err, unchanged(before, after)); err != nil {
		return content.File{}, err
	}
	f, err := s.ensure(ctx, c)
	if err != nil {
		return content.File{}, err
	}
	defer s.giveBack(f)
	return c, s.recordLink(ctx, f, l, crcs)
}

// recordLink gives the file a place that is a whole linked file, in place of
// any other at that path.
func (s *Store) recordLink(ctx context.Context, f *file, l *body.Link, crcs sums.List) error {
	if err := s.displace(ctx, l.At().Path, nil); err != nil {
		return err
	}
	p := newPlace(l, content.NewBitmap(f.Chunks()))
	p.sums = crcs
	if err := s.attachWhole(f, p); err != nil {
		return err
	}
	if err := s.commits.wait(ctx); err != nil {
		return err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return p.broken
}

// displace forgets every place at a path but keep: something else is there now,
// or soon will be.
func (s *Store) displace(ctx context.Context, path string, keep *place) error {
	rows, err := s.records.LinksAt(ctx, path)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.displaceIn(ctx, r.ID, path, keep); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) displaceIn(ctx context.Context, id shoal.FileID, path string, keep *place) error {
	f, err := s.acquire(ctx, id)
	if errors.Is(err, shoal.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.giveBack(f)
	for _, p := range f.all() {
		if l := p.linked(); l == nil || p == keep || l.At().Path != path {
			continue
		}
		if f.detach(p) {
			s.usage.add(p, -tables.BytesOf(f.File, f.readable(p)))
			s.commits.add(f, 0)
		}
	}
	return nil
}

// spaceAt watches the room where an output is written. Only on the store's own
// disk is there a reserve to keep.
func (s *Store) spaceAt(folder vfs.FS) (*body.Space, error) {
	here, err := s.root.Stat(".")
	if err != nil {
		return nil, err
	}
	there, err := folder.Stat(".")
	if err != nil {
		return nil, err
	}
	if here.Device == there.Device {
		return &body.Space{Root: folder, Reserve: layout.Reserve, Full: s.full}, nil
	}
	return nil, nil
}
