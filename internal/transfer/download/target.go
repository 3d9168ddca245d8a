package download

import (
	"context"
	"errors"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer/fetch"
)

// Writer takes chunks into the node's store, within its quota; a quota.Store has it.
type Writer interface {
	Put(ctx context.Context, chunk shoal.Chunk, data []byte) error
	PutRun(ctx context.Context, id shoal.FileID, first int, chunks [][]byte) error
	Sync(ctx context.Context, id shoal.FileID) error
}

// Cache takes chunks in for as long as somebody reads them, beyond the quota if it
// must; a quota.Cache has it.
type Cache interface {
	Begin(id shoal.FileID, chunks int)
	Put(ctx context.Context, chunk shoal.Chunk, data []byte) error
	End(ctx context.Context, id shoal.FileID) error
}

// Keep returns the target of a fetch that puts chunks of a file into the node's
// store for good, adjacent chunks in one write. The chunks in have are not fetched.
func Keep(store Writer, id shoal.FileID, have content.Bitmap) fetch.RunTarget {
	return &keepTarget{storeTarget{store: store, id: id, have: have}}
}

// storeTarget has a fetch put its chunks into the node's own store.
type storeTarget struct {
	store Writer
	id    shoal.FileID
	have  content.Bitmap // when the fetch began
}

func (s *storeTarget) Has() content.Bitmap { return s.have.Clone() }

func (s *storeTarget) Put(ctx context.Context, index int, data []byte) error {
	return s.store.Put(ctx, shoal.Chunk{File: s.id, Index: index}, data)
}

func (s *storeTarget) Settle(ctx context.Context, _ bool) error { return s.store.Sync(ctx, s.id) }

// keepTarget has a fetch put its chunks there for good.
type keepTarget struct{ storeTarget }

func (k *keepTarget) PutRun(ctx context.Context, first int, chunks [][]byte) error {
	return k.store.PutRun(ctx, k.id, first, chunks)
}

// readTarget has a fetch put its chunks into the node's own store for a reader, if
// need be beyond the quota.
type readTarget struct {
	storeTarget
	cache Cache
}

func (r *readTarget) Put(ctx context.Context, index int, data []byte) error {
	return r.cache.Put(ctx, shoal.Chunk{File: r.id, Index: index}, data)
}

// Settle ends the caching too: the reader waits for it, and then reads no more.
func (r *readTarget) Settle(ctx context.Context, whole bool) error {
	err := r.storeTarget.Settle(ctx, whole)
	return errors.Join(err, r.cache.End(ctx, r.id))
}
