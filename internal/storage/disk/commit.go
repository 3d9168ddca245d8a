package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/vfs"
)

// maxSyncs is how many files a commit syncs at once: the system writes their
// journal entries together.
const maxSyncs = 16

// errSync means that the system refused to make bytes durable.
var errSync = errors.New("sync was refused")

// folder is one whose names must be made durable. Folders with the same key
// are the same.
type folder struct {
	fs   vfs.FS
	name string
	key  string
}

// work is what one commit does for one file.
type work struct {
	file    *file
	parts   []part
	isNew   bool
	gone    bool
	removed []string
	shard   folder // if the names of its blob have changed
}

// part is what it does for one place of it.
type part struct {
	place   *place
	version uint64
	arrives bool   // it is an output that is finished
	bytes   bool   // there are some to sync
	folder  folder // if its name has changed
	err     error  // its sync failed, and only its own
}

// commit makes durable all that has changed in the files, in the order that a
// crash at any point leaves true what is recorded:
//
//  1. sync the bytes,
//  2. give outputs that are finished their names,
//  3. sync the folders that have the names,
//  4. record it all in the databases, a transaction each,
//  5. count it as durable.
//
// It is called by the committer alone, one at a time.
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
	case lost(p.err):
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
	from := l.at().path
	err := l.arrive(a.replace)
	names := l.names()
	w.file.mu.Lock()
	defer w.file.mu.Unlock()
	a.err = err
	p.place.arrival = nil
	if l.at().path == from {
		return
	}
	p.folder, p.place.folder = names, names
	w.file.removed = append(w.file.removed, from)
	w.removed = w.file.removed
}

// syncFolders syncs each folder once.
func (s *Store) syncFolders(works []*work) error {
	done := map[string]error{}
	sync := func(d folder) error {
		if d.fs == nil {
			return nil
		}
		err, ok := done[d.key]
		if !ok {
			err = d.fs.SyncDir(d.name)
			done[d.key] = err
		}
		return err
	}
	for _, w := range works {
		if err := sync(w.shard); err != nil {
			return fmt.Errorf("sync folder %s: %w", w.shard.key, err)
		}
		for i := range w.parts {
			if p := &w.parts[i]; p.err == nil {
				p.err = sync(p.folder)
			}
		}
	}
	return s.weighFailures(works)
}

// record writes the rows. On a disk that is full nothing of it is recorded and
// all of it is tried again, but what is to be forgotten is, for that makes
// room.
func (s *Store) record(works []*work) error {
	err := s.writeRows(works)
	if err == nil || !errors.Is(err, shoal.NoSpace) {
		return s.rowError(err)
	}
	var gone []*work
	for _, w := range works {
		if w.gone {
			gone = append(gone, w)
		}
	}
	if len(gone) > 0 && s.writeRows(gone) == nil {
		for _, w := range gone {
			w.settle()
		}
	}
	return s.rowError(err)
}

// rowError is the error of a transaction that was rolled back: of a full disk,
// which passes, or of a disk that fails, which does not.
func (s *Store) rowError(err error) error {
	switch {
	case err == nil:
		s.full.Store(false)
		return nil
	case errors.Is(err, shoal.NoSpace):
		s.full.Store(true)
		return noSpace(err)
	default:
		return s.fail(err)
	}
}

// writeRows records the large files in the index and then all the rest, so
// that no link is recorded of a file that is not.
func (s *Store) writeRows(works []*work) error {
	ctx := context.Background() // a transaction is not given up half-way
	if err := s.writeIndex(ctx, works); err != nil {
		return fmt.Errorf("record in the index: %w", err)
	}
	if err := s.writeRecords(ctx, works); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

func (s *Store) writeIndex(ctx context.Context, works []*work) error {
	var mine []*work
	for _, w := range works {
		if !w.file.small() && (w.gone || w.isNew || w.own() != nil) {
			mine = append(mine, w)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return s.index.write(ctx, func(tx *sql.Tx) error {
		for _, w := range mine {
			if w.gone {
				if err := indexForget(ctx, tx, w.file.ID); err != nil {
					return err
				}
				continue
			}
			if err := indexPut(ctx, tx, w.file.File, w.ownBits()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) writeRecords(ctx context.Context, works []*work) error {
	var mine []*work
	for _, w := range works {
		if w.gone || len(w.removed) > 0 || w.file.small() || w.links() {
			mine = append(mine, w)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return s.records.write(ctx, func(tx *sql.Tx) error {
		batch, err := beginRecords(ctx, tx)
		if err != nil {
			return err
		}
		for _, w := range mine {
			if err := w.recordIn(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
}

// recordIn writes what the records say of the file.
func (w *work) recordIn(ctx context.Context, batch recordsTx) error {
	if w.gone {
		return batch.forget(ctx, w.file.ID)
	}
	if own := w.own(); w.file.small() && (w.isNew || own != nil) {
		data := []byte{}
		if own != nil {
			data = own.body.(*memory).snapshot()
		}
		if err := batch.putSmall(ctx, w.file.File, w.ownBits(), data); err != nil {
			return err
		}
	}
	for _, path := range w.removed {
		if err := batch.dropLink(ctx, w.file.ID, path); err != nil {
			return err
		}
	}
	for _, p := range w.parts {
		if l := p.place.linked(); l != nil && p.err == nil {
			if err := batch.putLink(ctx, w.file.File, l.at(), w.bits(p.place)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *work) own() *place {
	for _, p := range w.parts {
		if p.place.linked() == nil {
			return p.place
		}
	}
	return nil
}

func (w *work) links() bool {
	for _, p := range w.parts {
		if p.place.linked() != nil {
			return true
		}
	}
	return false
}

// ownBits is what the file's row says is durable in its own place.
func (w *work) ownBits() content.Bitmap {
	if own := w.own(); own != nil {
		return w.bits(own)
	}
	w.file.mu.RLock()
	own := w.file.own()
	w.file.mu.RUnlock()
	if own != nil {
		return w.bits(own)
	}
	return content.NewBitmap(w.file.Chunks())
}

// bits is what will be durable in the place once this commit is done.
func (w *work) bits(p *place) content.Bitmap {
	w.file.mu.RLock()
	defer w.file.mu.RUnlock()
	b := p.durable.Clone()
	b.Union(p.syncing)
	return b
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
			if p.version == p.place.changes {
				p.place.folder = folder{}
			}
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
