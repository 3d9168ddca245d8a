package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"shoal"
	"shoal/internal/content"
)

// RebuildReport is what Rebuild found.
type RebuildReport struct {
	Files       int      // looked at
	Chunks      int      // that are here and verify
	Bytes       int64    // of those
	Recovered   int      // chunks that were here and the index did not know
	Lost        int      // chunks that the index knew and that do not verify
	Quarantined []string // files in the store's folder that could not be kept
}

// The report is nil where nobody wants one.

func (r *RebuildReport) kept(chunk []byte) {
	if r != nil {
		r.Chunks++
		r.Bytes += int64(len(chunk))
	}
}

func (r *RebuildReport) found(chunk []byte) {
	r.kept(chunk)
	if r != nil {
		r.Recovered++
	}
}

func (r *RebuildReport) lost() {
	if r != nil {
		r.Lost++
	}
}

// scope says which files a rebuild reads.
type scope uint8

const (
	everything scope = iota
	strays           // those that disk and index do not agree on
)

// Rebuild reads and verifies every chunk at every place, and corrects what is
// recorded to what is there. It takes as long as reading the store does;
// meanwhile the store can be used.
func (s *Store) Rebuild(ctx context.Context) (RebuildReport, error) {
	err := s.records.do(ctx, func(d database) error { return d.check(ctx) })
	var report RebuildReport
	if err == nil {
		report, err = s.rebuild(ctx, everything)
	}
	if err != nil {
		return report, fmt.Errorf("rebuild store %s: %w", s.dir, err)
	}
	return report, nil
}

func (s *Store) rebuild(ctx context.Context, which scope) (RebuildReport, error) {
	var report RebuildReport
	lists, err := s.scan(&report)
	if err != nil {
		return report, err
	}
	if err := s.rebuildKnown(ctx, lists, which, &report); err != nil {
		return report, err
	}
	for id := range lists { // the index does not know these
		if err := s.adopt(ctx, id, &report); err != nil {
			return report, err
		}
	}
	return report, s.commits.wait(ctx)
}

// scan finds the hash lists among the blobs. What has none cannot be verified,
// and what has another name does not belong there: both go into quarantine.
func (s *Store) scan(report *RebuildReport) (map[shoal.FileID]bool, error) {
	lists := map[shoal.FileID]bool{}
	shards, err := s.root.List(blobsDir)
	if err != nil {
		return nil, err
	}
	for _, shard := range shards {
		if err := s.scanShard(blobsDir+"/"+shard, lists, report); err != nil {
			return nil, err
		}
	}
	return lists, nil
}

func (s *Store) scanShard(shard string, lists map[shoal.FileID]bool, report *RebuildReport) error {
	names, err := s.root.List(shard)
	if err != nil {
		return err
	}
	for _, name := range names {
		if id, suffix, ok := parseBlobName(name); ok && suffix == listSuffix && listName(id) == shard+"/"+name {
			lists[id] = true
		}
	}
	for _, name := range names {
		id, _, ok := parseBlobName(name)
		if ok && lists[id] {
			continue
		}
		if err := s.setAside(shard+"/"+name, name, report); err != nil {
			return err
		}
	}
	return nil
}

// setAside puts a file into quarantine that a rebuild cannot keep. One that is
// gone by now was being deleted.
func (s *Store) setAside(name, as string, report *RebuildReport) error {
	err := s.quarantine(name, as)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		report.Quarantined = append(report.Quarantined, as)
	}
	return err
}

// rebuildKnown looks after the files the databases know, and takes them out of
// lists. A row without a hash list goes when its file is loaded.
func (s *Store) rebuildKnown(ctx context.Context, lists map[shoal.FileID]bool, which scope, report *RebuildReport) error {
	for r, err := range s.rows(ctx) {
		if err != nil {
			return err
		}
		large := r.size > SmallFile
		stray := large && !lists[r.id]
		delete(lists, r.id)
		if which == strays && !stray {
			continue
		}
		f, err := s.acquire(ctx, r.id)
		if errors.Is(err, shoal.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		err = s.recheckFile(ctx, f, report)
		s.giveBack(f)
		if err != nil {
			return err
		}
	}
	return nil
}

// recheckFile looks at all places of a file, and for a large one that has no
// place of its own, whether there is one after all.
func (s *Store) recheckFile(ctx context.Context, f *file, report *RebuildReport) error {
	report.Files++
	if err := s.findOwn(f); err != nil {
		return err
	}
	for _, p := range f.all() {
		if err := s.recheck(ctx, f, p, report); err != nil && !errors.Is(err, shoal.NotFound) {
			return err
		}
	}
	return nil
}

// findOwn gives a large file the place that its data file is.
func (s *Store) findOwn(f *file) error {
	f.making.Lock()
	defer f.making.Unlock()
	f.mu.RLock()
	own, gone := f.own(), f.gone
	f.mu.RUnlock()
	if own != nil || gone != nil || f.small() {
		return nil
	}
	if _, err := s.root.Stat(dataName(f.ID)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	p := newPlace(s.blob(f.ID), content.NewBitmap(f.Chunks()))
	p.folder = f.shard
	return f.attach(p)
}

// adopt takes up a file that lies among the blobs and that the index does not
// know: after a crash between the two, or when the index was lost.
func (s *Store) adopt(ctx context.Context, id shoal.FileID, report *RebuildReport) error {
	c, err := readList(s.root, id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // deleted meanwhile
	case errors.Is(err, errList):
		return errors.Join(s.setAside(listName(id), id.String()+listSuffix, report),
			s.setAside(dataName(id), id.String()+dataSuffix, report))
	case err != nil:
		return err
	}
	f, err := s.files.acquire(id, func(f *file) error {
		s.describe(f, c)
		s.usage.files.Add(1)
		s.commits.add(f, 0)
		return s.loadLinks(ctx, f)
	})
	if err != nil {
		return err
	}
	defer s.giveBack(f)
	return s.recheckFile(ctx, f, report)
}
