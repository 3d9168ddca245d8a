package quota

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"shoal"
	"shoal/internal/content"
)

// Cache keeps chunks in a store beyond its limit for as long as a file is being
// read, so that a node that is full can still be read at. Its methods are safe for
// use by many goroutines at once.
//
// It does not help when the disk is full.
type Cache struct {
	store   *Store
	discard func(ctx context.Context, id shoal.FileID, chunks content.Bitmap) (int64, error)

	mu    sync.Mutex // guards files
	files map[shoal.FileID]*cached
}

// cached is the chunks of one file that are beyond the limit.
type cached struct {
	readers int
	chunks  content.Bitmap
}

// NewCache returns a cache in a store. discard deletes
// chunks from the store; see disk.Store.Discard.
func NewCache(store *Store, discard func(ctx context.Context, id shoal.FileID, chunks content.Bitmap) (int64, error)) *Cache {
	return &Cache{store: store, discard: discard, files: make(map[shoal.FileID]*cached)}
}

// Begin notes that a reader of a file begins, which has so many chunks. The caller
// calls End once for each Begin.
func (c *Cache) Begin(id shoal.FileID, chunks int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files[id] == nil {
		c.files[id] = &cached{chunks: content.NewBitmap(chunks)}
	}
	c.files[id].readers++
}

// Reading reports whether a file has a reader.
func (c *Cache) Reading(id shoal.FileID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[id] != nil
}

// Put writes a chunk for a reader between Begin and End: for good if the store has
// room for it, else until the last reader of the file ends. It blocks and fails as
// storage.Writer.Put does.
func (c *Cache) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	err := c.store.Put(ctx, chunk, data)
	if !errors.Is(err, shoal.NoSpace) {
		return err
	}
	if err := c.store.Store.Put(ctx, chunk, data); err != nil {
		return fmt.Errorf("cache %s: %w", chunk, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[chunk.File].chunks.Set(chunk.Index)
	return nil
}

// End notes that a reader of a file has ended. After the last one it deletes the
// chunks that are beyond the limit.
func (c *Cache) End(ctx context.Context, id shoal.FileID) error {
	over := c.end(id)
	if over.Count() == 0 {
		return nil
	}
	_, err := c.discard(ctx, id, over)
	return err
}

// end gives the chunks to delete.
func (c *Cache) end(id shoal.FileID) content.Bitmap {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[id]
	if f.readers--; f.readers > 0 {
		return content.Bitmap{}
	}
	delete(c.files, id)
	return f.chunks
}
