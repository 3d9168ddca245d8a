package disk

import (
	"context"
	"fmt"
	"sync"

	"shoal/internal/storage/body"
)

// maxSyncs is how many files a commit syncs at once: the system writes their
// journal entries together.
const maxSyncs = 16

// work is what one commit does for one file.
type work struct {
	file    *file
	parts   []part
	isNew   bool
	gone    bool
	removed []string
	shard   body.Folder // if the names of its blob have changed
}

// part is what it does for one place of it.
type part struct {
	place   *place
	version uint64
	arrives bool        // it is an output that is finished
	bytes   bool        // there are some to sync
	folder  body.Folder // if its name has changed
	err     error       // its sync failed, and only its own
}

// settleAll commits, and counts anew what is in the store if rows were lost that
// are counted still. It is called by the committer alone, one at a time.
func (s *Store) settleAll(files []*file) error {
	stale := s.usage.stale.Swap(false)
	err := s.commit(files)
	if err == nil && stale {
		err = s.recount(context.Background())
	}
	if err != nil && stale {
		s.usage.stale.Store(true)
	}
	return err
}

// commit makes durable all that has changed in the files, in the order that a
// crash at any point leaves true what is recorded:
//
//  1. sync the bytes,
//  2. give outputs that are finished their names,
//  3. sync the folders that have the names,
//  4. record it all in the databases, a transaction each,
//  5. count it as durable.
func (s *Store) commit(files []*file) error {
	if len(files) == 0 {
		return s.writable()
	}
	if err := s.writable(); err != nil {
		return err
	}
	works := make([]*work, len(files))
	for i, f := range files {
		works[i] = f.begin()
	}
	if err := s.syncBytes(works); err != nil {
		return s.fail(err)
	}
	s.deliver(works)
	if err := s.syncFolders(works); err != nil {
		return s.fail(err)
	}
	if err := s.record(works); err != nil {
		return err
	}
	for _, w := range works {
		w.settle()
	}
	return nil
}

// begin takes stock of what has changed.
func (f *file) begin() *work {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &work{file: f, isNew: !f.recorded, gone: f.gone != nil, removed: f.removed}
	if w.isNew || w.gone {
		w.shard = f.shard
	}
	for _, p := range f.places {
		if p.changes == p.recorded || w.gone {
			continue
		}
		p.syncing = p.fresh.Clone()
		w.parts = append(w.parts, part{place: p, version: p.changes, arrives: p.arrival != nil, bytes: p.syncing.Count() > 0, folder: p.folder})
	}
	return w
}

// syncBytes syncs every body that has changed. A failure in the store's own
// files is the store's; in a person's, only that place's.
func (s *Store) syncBytes(works []*work) error {
	parts := make(chan *part)
	var wg sync.WaitGroup
	for range maxSyncs {
		wg.Go(func() {
			for p := range parts {
				p.err = p.place.body.Sync()
			}
		})
	}
	for _, w := range works {
		for i := range w.parts {
			if w.parts[i].bytes || w.parts[i].arrives {
				parts <- &w.parts[i]
			}
		}
	}
	close(parts)
	wg.Wait()
	return s.weighFailures(works)
}

// weighFailures drops the places whose sync failed, and is an error if one of
// them is the store's own.
func (s *Store) weighFailures(works []*work) error {
	for _, w := range works {
		for _, p := range w.parts {
			if err := s.syncFailed(w.file, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncFailed decides what a failed sync means; a nil error of the part means
// nothing.
func (s *Store) syncFailed(f *file, p part) error {
	switch {
	case p.err == nil || p.place.linked() == nil:
		return p.err
	case body.Lost(p.err):
		s.dropPlace(f, p.place, p.err)
	default:
		s.breakPlace(f, p.place, p.err)
	}
	return nil
}

// deliver moves the outputs whose bytes are durable now to their targets. One
// that cannot go there stays where it is, and its Finish is told.
func (s *Store) deliver(works []*work) {
	for _, w := range works {
		for i := range w.parts {
			if p := &w.parts[i]; p.err == nil && p.arrives {
				w.deliver(p)
			}
		}
	}
}

func (w *work) deliver(p *part) {
	l, a := p.place.linked(), p.place.arrival
	from := l.At().Path
	err := l.Arrive(a.replace.move())
	names := l.Names()
	w.file.mu.Lock()
	defer w.file.mu.Unlock()
	a.err = err
	p.place.arrival = nil
	if l.At().Path == from {
		return
	}
	p.folder, p.place.folder, p.place.left = names, names, from
}

// syncFolders syncs each folder once.
func (s *Store) syncFolders(works []*work) error {
	done := map[string]error{}
	sync := func(d body.Folder) error {
		if d.FS == nil {
			return nil
		}
		err, ok := done[d.Key]
		if !ok {
			err = d.FS.SyncDir(d.Name)
			done[d.Key] = err
		}
		return err
	}
	for _, w := range works {
		if err := sync(w.shard); err != nil {
			return fmt.Errorf("sync folder %s: %w", w.shard.Key, err)
		}
		for i := range w.parts {
			if p := &w.parts[i]; p.err == nil {
				p.err = sync(p.folder)
			}
		}
	}
	return s.weighFailures(works)
}

// settle counts as durable what was recorded.
func (w *work) settle() {
	w.file.mu.Lock()
	defer w.file.mu.Unlock()
	w.file.recorded = true
	w.file.removed = w.file.removed[len(w.removed):]
	if w.gone {
		for _, p := range w.file.places {
			w.file.retired = append(w.file.retired, p.body)
		}
		w.file.removed, w.file.places = nil, nil
		return
	}
	for _, p := range w.parts {
		if p.err == nil {
			p.place.settle(p.version)
		}
	}
}

// unsettled reports whether something is not recorded yet.
func (f *file) unsettled() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.recorded || len(f.removed) > 0 {
		return true
	}
	for _, p := range f.places {
		if p.changes != p.recorded {
			return true
		}
	}
	return false
}
