package disk

import (
	"container/list"
	"errors"
	"slices"
	"sync"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/layout"
)

// file is what is known of one file, while it is in use or was lately.
type file struct {
	content.File             // does not change once the file is loaded
	shard        body.Folder // has the names of its blob; none if it is small

	refs    int           // guarded by the cache
	element *list.Element // guarded by the cache; nil once it is out of it
	weight  int           // guarded by the cache
	loaded  bool          // guarded by the cache
	load    sync.Once
	err     error // of loading

	// making is held while the file's own place is made, and while an import
	// is taken over, so that there is one of them.
	making sync.Mutex

	// putting is held, for reading, while a chunk is put into the own place, and
	// for writing while holes are made there.
	putting sync.RWMutex

	// mu guards what is below, and the bitmaps of the places. No I/O is done
	// while it is held.
	mu       sync.RWMutex
	places   []*place    // its own first; copied when it changes
	recorded bool        // its row is there, and says whether it has a place of its own
	removed  []string    // paths of links whose rows must go
	retired  []body.Body // of places that were dropped, which may still be read
	gone     chan struct{}
}

// small reports whether the file lies in the records.
func (f *file) small() bool { return f.Size <= layout.SmallFile }

// own is the place in the node's own store, or nil. It is called with mu held.
func (f *file) own() *place {
	if len(f.places) > 0 && f.places[0].linked() == nil {
		return f.places[0]
	}
	return nil
}

// all is the places at this moment.
func (f *file) all() []*place {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.places
}

// alive is shoal.NotFound for a file that is being deleted.
func (f *file) alive() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.aliveLocked()
}

func (f *file) aliveLocked() error {
	if f.gone != nil {
		return shoal.NotFound
	}
	return nil
}

// durable is which chunks are durable in some place.
func (f *file) durable() (content.Bitmap, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.aliveLocked(); err != nil {
		return content.Bitmap{}, err
	}
	b := content.NewBitmap(f.Chunks())
	for _, p := range f.places {
		b.Union(p.durable)
	}
	return b, nil
}

// attach adds a place: the file's own at the front.
func (f *file) attach(p *place) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.aliveLocked(); err != nil {
		return err
	}
	at := len(f.places)
	if p.linked() == nil {
		at = 0
	}
	f.places = slices.Insert(slices.Clone(f.places), at, p)
	return nil
}

// detach takes a place away, and reports whether it was there.
func (f *file) detach(p *place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.Index(f.places, p)
	if at < 0 {
		return false
	}
	f.places = slices.Delete(slices.Clone(f.places), at, at+1)
	f.retired = append(f.retired, p.body)
	if l := p.linked(); l != nil {
		f.removed = append(f.removed, l.At().Path)
		if p.left != "" {
			f.removed = append(f.removed, p.left)
		}
	} else {
		f.recorded = false // its row must say so
	}
	return true
}

// close lets go of what is open. It is called when nobody has the file.
func (f *file) close() error {
	var errs []error
	for _, p := range f.places {
		errs = append(errs, p.body.Close())
	}
	for _, b := range f.retired {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// describe is a place of the file as the world knows it.
func (f *file) describe(p *place) shoal.Place {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return p.describe()
}

// readable is every chunk that can be read at a place.
func (f *file) readable(p *place) content.Bitmap {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return p.readable()
}
