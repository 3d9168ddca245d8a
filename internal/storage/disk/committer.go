package disk

import (
	"context"
	"errors"
	"sync"
	"time"

	"shoal/internal/storage"
)

// A commit begins when somebody waits for one, when this much was put since
// the last, or this long after the first put.
const (
	commitBytes = 64 << 20
	commitDelay = time.Second
)

// committer makes what was put durable, for all who wait at once: while one
// commit works, the next one gathers.
type committer struct {
	files  *cache
	commit func([]*file) error

	// mu guards what is gathered for the next commit.
	mu    sync.Mutex
	dirty map[*file]struct{} // each is held once
	bytes int64
	next  *batch
	timer *time.Timer

	kick chan struct{}
	stop chan struct{}
	done chan struct{}
}

// batch is one commit, for those who wait for it.
type batch struct {
	done chan struct{}
	err  error // set before done is closed
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

func newCommitter(files *cache, commit func([]*file) error) *committer {
	c := &committer{
		files:  files,
		commit: commit,
		dirty:  map[*file]struct{}{},
		next:   newBatch(),
		kick:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go c.run()
	return c
}

// add has the next commit look after the file, of which the caller put bytes
// more and which it holds.
func (c *committer) add(f *file, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.dirty[f]; !ok {
		c.files.retain(f)
		c.dirty[f] = struct{}{}
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(commitDelay, c.poke)
	}
	if c.bytes += bytes; c.bytes >= commitBytes {
		c.poke()
	}
}

// drop takes a file out again.
func (c *committer) drop(f *file) error {
	c.mu.Lock()
	_, held := c.dirty[f]
	delete(c.dirty, f)
	c.mu.Unlock()
	if !held {
		return nil
	}
	return c.files.release(f)
}

func (c *committer) poke() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// wait blocks until a commit that began after the call is done, and gives its
// error. A commit that is done wins over a ctx that has ended.
func (c *committer) wait(ctx context.Context) error {
	c.mu.Lock()
	b := c.next
	c.mu.Unlock()
	c.poke()
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
	}
	select {
	case <-b.done:
		return b.err
	default:
		return ctx.Err()
	}
}

func (c *committer) run() {
	defer close(c.done)
	for {
		select {
		case <-c.kick:
			c.flush()
		case <-c.stop:
			c.flush()
			return
		}
	}
}

// flush commits what was gathered. What a failed commit leaves undone is tried
// again with the next, unless the store is failing, which no time heals.
func (c *committer) flush() {
	files, b := c.take()
	b.err = c.commit(files)
	failing := errors.Is(b.err, storage.ErrFailing)
	for _, f := range files {
		if f.unsettled() && !failing {
			c.add(f, 0)
		}
		// A descriptor that does not close has nothing more to lose: its
		// bytes were synced, or their sync has failed and was told.
		_ = c.files.release(f)
	}
	close(b.done)
}

func (c *committer) take() ([]*file, *batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := make([]*file, 0, len(c.dirty))
	for f := range c.dirty {
		files = append(files, f)
	}
	b := c.next
	clear(c.dirty)
	c.bytes, c.next = 0, newBatch()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	return files, b
}

// close commits once more and stops.
func (c *committer) close() error {
	c.mu.Lock()
	b := c.next
	c.mu.Unlock()
	close(c.stop)
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	<-b.done
	return b.err
}
