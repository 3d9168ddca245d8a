package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/quota"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
	"shoal/internal/transfer/stream"
)

// opened is a file that is open for reading.
type opened struct {
	*stream.Reader
	entry shoal.Entry
	done  func()
}

func (o *opened) Entry() shoal.Entry { return o.entry }

// Close ends the reading and what was fetched for it.
func (o *opened) Close() error {
	o.done() // ends the context of the fetch, which the reader then waits for
	return o.Reader.Close()
}

// Open opens a file for reading. See shoal.Mover. What is read of a file that
// is not here is kept in the store, so that others can be served from it.
func (n *Node) Open(ctx context.Context, ref string) (shoal.Content, error) {
	t, err := resolve(ctx, n.finder, ref)
	if err != nil {
		return nil, err
	}
	ctx, done := n.work(ctx)
	content, err := n.opener.open(ctx, t, done)
	if err != nil {
		done()
		return nil, err
	}
	return content, nil
}

// opener opens files for reading, and fetches for the readers.
type opener struct {
	store   *disk.Store
	quota   *quota.Store
	cache   *quota.Cache
	board   *transfer.Board
	fetcher *fetcher
}

func newOpener(n *Node) *opener {
	return &opener{store: n.store, quota: n.quota, cache: n.cache, board: n.board, fetcher: n.fetcher}
}

func (o *opener) open(ctx context.Context, t target, done func()) (*opened, error) {
	file, err := o.store.File(ctx, t.entry.ID)
	var running *fetch.Fetch
	if err != nil {
		if file, running, err = o.openRemote(ctx, t); err != nil {
			return nil, fmt.Errorf("open %s: %w", nameOr(t.entry), err)
		}
	}
	cfg := stream.Config{File: file, Library: o.store, Board: o.board}
	if running != nil {
		cfg.Fetch = running
	}
	cfg.Start = func(ctx context.Context) stream.Fetch {
		started, _ := o.startDemand(ctx, t)
		return started
	}
	entry := t.entry
	entry.Size, entry.ChunkSize = file.Size, int(file.ChunkSize)
	return &opened{Reader: stream.New(ctx, cfg), entry: entry, done: done}, nil
}

// openRemote starts to fetch a file of which nothing is here, and waits until
// its shape is known. Its first chunk is asked for at once.
func (o *opener) openRemote(ctx context.Context, t target) (content.File, *fetch.Fetch, error) {
	f, shape := o.startDemand(ctx, t)
	f.Want(0, 1)
	select {
	case file := <-shape:
		return file, f, nil
	case <-f.Done():
		_, err := f.Wait()
		return content.File{}, nil, err
	}
}

// startDemand starts a fetch into the store that gets what is wanted of it, and
// gives the file's shape when it is known. It runs until ctx ends.
func (o *opener) startDemand(ctx context.Context, t target) (*fetch.Fetch, <-chan content.File) {
	shape := make(chan content.File, 1)
	open := func(ctx context.Context, f content.File) (fetchTarget, error) {
		if err := o.store.Create(ctx, f); err != nil { // not the quota's, which may have no room
			return nil, err
		}
		have, err := o.store.Has(ctx, f.ID)
		if err != nil {
			return nil, err
		}
		o.cache.Begin(f.ID, f.Chunks())
		shape <- f
		return &readTarget{storeTarget{quota: o.quota, id: f.ID, have: have}, o.cache}, nil
	}
	return o.fetcher.start(ctx, t, fetch.Task{Demand: true, Open: open}), shape
}

// storeTarget has a fetch put its chunks into the node's own store.
type storeTarget struct {
	quota *quota.Store
	id    shoal.FileID
	have  content.Bitmap // when the fetch began
}

func (s *storeTarget) Has() content.Bitmap { return s.have.Clone() }

func (s *storeTarget) Put(ctx context.Context, index int, data []byte) error {
	return s.quota.Put(ctx, shoal.Chunk{File: s.id, Index: index}, data)
}

// readTarget has a fetch put its chunks into the node's own store for a reader, if
// need be beyond the quota.
type readTarget struct {
	storeTarget
	cache *quota.Cache
}

func (r *readTarget) Put(ctx context.Context, index int, data []byte) error {
	return r.cache.Put(ctx, shoal.Chunk{File: r.id, Index: index}, data)
}

// Settle ends the caching too: the reader waits for it, and then reads no more.
func (r *readTarget) Settle(ctx context.Context, whole bool) error {
	err := r.storeTarget.Settle(ctx, whole)
	return errors.Join(err, r.cache.End(ctx, r.id))
}

// keepTarget has a fetch put its chunks there for good: those that lie together at
// once.
type keepTarget struct{ storeTarget }

func (k *keepTarget) PutRun(ctx context.Context, first int, chunks [][]byte) error {
	return k.quota.PutRun(ctx, k.id, first, chunks)
}

func (s *storeTarget) Settle(ctx context.Context, _ bool) error {
	return s.quota.Sync(ctx, s.id)
}
