package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/recovery"
	"shoal/internal/storage/tables"
)

// Rebuild reads and verifies every chunk at every place, and corrects what is
// recorded to what is there. It takes as long as reading the store does;
// meanwhile the store can be used.
func (s *Store) Rebuild(ctx context.Context) (recovery.Report, error) {
	err := s.records.Do(ctx, func(d *sqlite.DB) error { return d.QuickCheck(ctx) })
	var report recovery.Report
	if err == nil {
		report, err = s.rebuild(ctx, recovery.Everything)
	}
	if err != nil {
		return report, fmt.Errorf("rebuild store %s: %w", s.dir, err)
	}
	return report, nil
}

func (s *Store) rebuild(ctx context.Context, which recovery.Scope) (recovery.Report, error) {
	report, err := recovery.Rebuild(ctx, s.root, rebuilt{s}, which)
	if err != nil {
		return report, err
	}
	return report, s.commits.wait(ctx)
}

// rebuilt is the store as a rebuild sees it.
type rebuilt struct{ store *Store }

// Rows gives the rows of the files that the databases know.
func (r rebuilt) Rows(ctx context.Context) iter.Seq2[tables.Row, error] { return r.store.rows(ctx) }

// Quarantine puts a file of the store's away, and tells.
func (r rebuilt) Quarantine(name, as string) error { return r.store.quarantine(name, as) }

// Recheck reads all that there may be of a file, if the store still knows it.
func (r rebuilt) Recheck(ctx context.Context, id shoal.FileID, report *recovery.Report) error {
	f, err := r.store.acquire(ctx, id)
	if errors.Is(err, shoal.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.store.giveBack(f)
	return r.store.recheckFile(ctx, f, report)
}

// Adopt takes up a file that lies among the blobs and that the index does not
// know.
func (r rebuilt) Adopt(ctx context.Context, c content.File, report *recovery.Report) error {
	s := r.store
	f, err := s.files.acquire(c.ID, func(f *file) error {
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

// recheckFile looks at all places of a file, and for a large one that has no
// place of its own, whether there is one after all.
func (s *Store) recheckFile(ctx context.Context, f *file, report *recovery.Report) error {
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
	if _, err := s.root.Stat(layout.DataName(f.ID)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	p := newPlace(s.blob(f.ID), content.NewBitmap(f.Chunks()))
	p.folder = f.shard
	return f.attach(p)
}

// rerecord has the next commit record all that is in memory, and then count anew
// what is in the store: a database was replaced.
func (s *Store) rerecord() {
	for _, f := range s.files.loaded() {
		if f.unrecord() {
			s.commits.add(f, 0)
		}
		s.giveBack(f)
	}
	s.usage.stale.Store(true)
	if s.commits != nil { // else they are just being opened
		s.commits.poke()
	}
}

// unrecord marks as not recorded what the databases say of the file, and reports
// whether they are to say it again.
func (f *file) unrecord() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return false // its rows go with the next commit in any case
	}
	for _, p := range f.places {
		p.changes++
	}
	f.recorded = false
	return true
}
