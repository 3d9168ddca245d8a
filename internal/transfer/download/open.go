package download

import (
	"context"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
	"shoal/internal/transfer/stream"
)

// Content is a file that is open for reading; it implements shoal.Content.
type Content struct {
	*stream.Reader
	entry shoal.Entry
	done  func()
}

// Entry returns the file's entry, with its size.
func (c *Content) Entry() shoal.Entry { return c.entry }

// Close ends the reading and what was fetched for it.
func (c *Content) Close() error {
	c.done() // ends the context of the fetch, which the reader then waits for
	return c.Reader.Close()
}

// Shelf is the store from which files are read, and in which they are created;
// a storage.Store has it.
type Shelf interface {
	Reader
	Create(ctx context.Context, file content.File) error
}

// Opener opens files for reading, and fetches for the readers. Its method is safe
// for use by many goroutines at once.
type Opener struct {
	Store   Shelf // not the quota's, which may have no room for what is only read
	Quota   Writer
	Cache   Cache
	Board   *transfer.Board
	Fetcher *Fetcher
}

// Open opens a file for reading. If nothing of it is here, Open waits until a source
// has told its shape; the rest is fetched as it is read, and kept in the store while
// it is read. ctx must end for the fetch to end: done is called by Close, and ends
// it. Open does not call done if it fails.
func (o *Opener) Open(ctx context.Context, r Request, done func()) (*Content, error) {
	file, err := o.Store.File(ctx, r.Entry.ID)
	cfg := stream.Config{Library: o.Store, Board: o.Board}
	if err != nil {
		var running *fetch.Fetch
		if file, running, err = o.openRemote(ctx, r); err != nil {
			return nil, fmt.Errorf("open %s: %w", nameOr(r.Entry), err)
		}
		cfg.Fetch = running
	}
	cfg.File = file
	cfg.Start = func(ctx context.Context) stream.Fetch {
		started, _ := o.startDemand(ctx, r)
		return started
	}
	entry := r.Entry
	entry.Size, entry.ChunkSize = file.Size, int(file.ChunkSize)
	return &Content{Reader: stream.New(ctx, cfg), entry: entry, done: done}, nil
}

// openRemote starts to fetch a file of which nothing is here, and waits until
// its shape is known. Its first chunk is asked for at once.
func (o *Opener) openRemote(ctx context.Context, r Request) (content.File, *fetch.Fetch, error) {
	f, shape := o.startDemand(ctx, r)
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
func (o *Opener) startDemand(ctx context.Context, r Request) (*fetch.Fetch, <-chan content.File) {
	shape := make(chan content.File, 1)
	open := func(ctx context.Context, f content.File) (fetch.Target, error) {
		if err := o.Store.Create(ctx, f); err != nil {
			return nil, err
		}
		have, err := o.Store.Has(ctx, f.ID)
		if err != nil {
			return nil, err
		}
		o.Cache.Begin(f.ID, f.Chunks())
		shape <- f
		return &readTarget{storeTarget{store: o.Quota, id: f.ID, have: have}, o.Cache}, nil
	}
	return o.Fetcher.Start(ctx, r, fetch.Task{Demand: true, Open: open}), shape
}
