package disk

import (
	"container/list"
	"errors"
	"sync"

	"shoal"
)

// maxIdle is how many files are kept open that nobody uses: at most three
// descriptors each. maxIdleChunks bounds their hash lists and bitmaps, in all.
const (
	maxIdle       = 128
	maxIdleChunks = 256 << 10 // at 32 bytes: 8 MiB
)

// maxMisses bounds how many ids are remembered that no file has.
const maxMisses = 1024

// cache is the files that are in use, or were lately. There is never more than
// one of the same id.
type cache struct {
	// mu guards the map, the order, and who holds what.
	mu     sync.Mutex
	files  map[shoal.FileID]*file
	order  *list.List // the one used last at the front
	chunks int        // of all files in it

	// misses has ids that were looked for in vain: before a file is fetched it
	// is looked for twice. Nobody else writes to the databases, and a file that
	// comes is loaded, which takes its id out.
	misses map[shoal.FileID]struct{}
}

func newCache() *cache {
	return &cache{files: map[shoal.FileID]*file{}, order: list.New(), misses: map[shoal.FileID]struct{}{}}
}

// acquire gives the file of that id to the caller, who must release it. load
// is called once to fill it in; if it fails, so does acquire, for everyone who
// waited, and the next one loads it anew.
func (c *cache) acquire(id shoal.FileID, load func(*file) error) (*file, error) {
	f := c.hold(id)
	f.load.Do(func() {
		switch f.err = load(f); {
		case f.err == nil:
			c.weigh(f)
		case errors.Is(f.err, shoal.NotFound):
			c.miss(id)
		}
	})
	if f.err != nil {
		c.forget(f)
		return nil, errors.Join(f.err, c.release(f))
	}
	return f, nil
}

// hold finds the file or makes an empty one.
func (c *cache) hold(id shoal.FileID) *file {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[id]
	if f == nil {
		f = &file{}
		f.ID = id
		f.element = c.order.PushFront(f)
		c.files[id] = f
	}
	c.order.MoveToFront(f.element)
	f.refs++
	return f
}

// weigh counts what was loaded.
func (c *cache) weigh(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.misses, f.ID)
	if f.element != nil {
		f.loaded, f.weight = true, f.Chunks()
		c.chunks += f.weight
	}
}

// loaded is the files that are loaded. The caller holds each, and must release
// it.
func (c *cache) loaded() []*file {
	c.mu.Lock()
	defer c.mu.Unlock()
	var files []*file
	for _, f := range c.files {
		if f.loaded {
			f.refs++
			files = append(files, f)
		}
	}
	return files
}

// miss remembers that no file has the id.
func (c *cache) miss(id shoal.FileID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.misses) == maxMisses {
		clear(c.misses)
	}
	c.misses[id] = struct{}{}
}

// missed reports whether it is known that no file has the id.
func (c *cache) missed(id shoal.FileID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.misses[id]
	return ok
}

// retain holds a file once more, for somebody else.
func (c *cache) retain(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.refs++
}

// release gives a file back. What has not been used for longest is closed when
// there is too much.
func (c *cache) release(f *file) error {
	c.mu.Lock()
	f.refs--
	var victims []*file
	if f.refs == 0 && f.element == nil {
		victims = append(victims, f)
	}
	victims = append(victims, c.evictLocked()...)
	c.mu.Unlock()
	var errs []error
	for _, v := range victims {
		errs = append(errs, v.close())
	}
	return errors.Join(errs...)
}

// evictLocked takes out files nobody holds, the oldest first.
func (c *cache) evictLocked() []*file {
	var victims []*file
	for e := c.order.Back(); e != nil && (c.order.Len() > maxIdle || c.chunks > maxIdleChunks); {
		f, before := e.Value.(*file), e.Prev()
		if f.refs == 0 {
			c.removeLocked(f)
			victims = append(victims, f)
		}
		e = before
	}
	return victims
}

func (c *cache) removeLocked(f *file) {
	c.order.Remove(f.element)
	f.element = nil
	delete(c.files, f.ID)
	c.chunks -= f.weight
}

// forget makes the next acquire of the id load it anew. Who holds the file
// keeps it.
func (c *cache) forget(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.element != nil {
		c.removeLocked(f)
	}
}

// drain closes every file nobody holds.
func (c *cache) drain() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for e := c.order.Front(); e != nil; {
		f, next := e.Value.(*file), e.Next()
		if f.refs == 0 {
			c.removeLocked(f)
			errs = append(errs, f.close())
		}
		e = next
	}
	return errors.Join(errs...)
}
