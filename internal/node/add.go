package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal"
	"shoal/internal/batch"
	"shoal/internal/catalog"
	"shoal/internal/catalog/change"
	"shoal/internal/catalog/merge"
	"shoal/internal/content"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/quota"
)

// Add takes files in. See shoal.Mover.
func (n *Node) Add(ctx context.Context, req shoal.AddRequest, watch func(shoal.Event)) error {
	if err := errors.Join(checkAdd(req), n.membership.MayWrite()); err != nil {
		return err
	}
	ctx, done := n.work(ctx)
	defer done()
	b := batch.New(watch)
	var below shortage
	for i, item := range req.Items {
		size := int64(0)
		if info, err := os.Stat(item.Path); err == nil {
			size = info.Size()
		}
		b.Run(ctx, i, batch.Cost(size), func() (shoal.Event, error) {
			event := shoal.Event{Item: i, Name: item.Name, Transfer: n.serial.Add(1)}
			entry, err := n.adder.add(ctx, item, req, b.Progress(event))
			if err == nil {
				event.File, event.Entry, event.Done, event.Total = entry.ID, &entry, entry.Size, entry.Size
				event.Copies, err = n.reconciler.awaitAdded(ctx, entry, req.Wait)
				below.add(entry, event.Copies, req.Wait)
			}
			return event, err
		})
	}
	if err := b.Wait(); err != nil {
		return err
	}
	return below.err(n.stores())
}

// checkAdd refuses a request that is malformed as a whole.
func checkAdd(req shoal.AddRequest) error {
	if len(req.Items) > shoal.MaxItems {
		return fmt.Errorf("%d files in one request, at most %d are allowed: %w", len(req.Items), shoal.MaxItems, shoal.Usage)
	}
	if req.Copies < 0 || req.Copies > merge.MaxCopies {
		return fmt.Errorf("%d copies, where 1 to %d can be had: %w", req.Copies, merge.MaxCopies, shoal.Usage)
	}
	if !slices.Contains([]shoal.Wait{shoal.WaitUsual, shoal.WaitSafe, shoal.WaitLocal}, req.Wait) {
		return fmt.Errorf("%q is nothing to wait for; there are safe and local: %w", req.Wait, shoal.Usage)
	}
	if req.ChunkSize != 0 {
		if _, err := content.ParseChunkSize(int64(req.ChunkSize)); err != nil {
			return err
		}
	}
	return nil
}

// defaultCopies is how many copies of a file are wanted if nobody says so.
const defaultCopies = 2

// wantedCopies is how many copies of a file the shoal is to keep. One that is
// used where it lies is only shared, unless someone asks for more.
func wantedCopies(req shoal.AddRequest) int {
	if req.Link {
		return req.Copies
	}
	return cmp.Or(req.Copies, defaultCopies)
}

// adder takes files in, bytes and names.
type adder struct {
	self    shoal.NodeID
	store   *disk.Store
	quota   *quota.Store
	catalog *catalog.Catalog
	begin   func(context.Context) (done func(), err error) // see reconciler.takeIn
}

func newAdder(c *core, r *reconciler) *adder {
	return &adder{self: c.self(), store: c.store, quota: c.quota, catalog: c.catalog, begin: r.takeIn}
}

// add takes one file in: bytes first, then the name that commits it.
func (a *adder) add(ctx context.Context, item shoal.AddItem, req shoal.AddRequest, progress func(done, total int64)) (shoal.Entry, error) {
	done, err := a.begin(ctx)
	if err != nil {
		return shoal.Entry{}, err
	}
	defer done()
	if err := change.CheckName(item.Name); err != nil {
		return shoal.Entry{}, err
	}
	if !filepath.IsAbs(item.Path) {
		return shoal.Entry{}, fmt.Errorf("add %q: the path is not absolute: %w", item.Path, shoal.Usage)
	}
	file, err := a.takeIn(ctx, item.Path, content.ChunkSize(req.ChunkSize), req.Link, progress)
	if err != nil {
		return shoal.Entry{}, fmt.Errorf("add %s: %w", item.Path, err)
	}
	entry := shoal.Entry{
		ID: file.ID, Name: item.Name, Size: file.Size, ChunkSize: int(file.ChunkSize), Copies: wantedCopies(req),
		Added: time.Now().UTC(), By: a.self,
	}
	if err := a.catalog.Put(ctx, entry); err != nil {
		return shoal.Entry{}, fmt.Errorf("add %s: %w", item.Path, err)
	}
	return entry, nil
}

// takeIn has the store take a file's bytes.
func (a *adder) takeIn(ctx context.Context, path string, cs content.ChunkSize, link bool, progress func(done, total int64)) (content.File, error) {
	src, err := os.Open(path)
	if err != nil {
		return content.File{}, err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return content.File{}, err
	}
	if !info.Mode().IsRegular() {
		return content.File{}, fmt.Errorf("not a regular file: %w", shoal.Usage)
	}
	read := int64(0)
	step := func(bytes int64) {
		read += bytes
		progress(read, info.Size())
	}
	if link {
		return a.store.Link(ctx, path, cs, step)
	}
	release, err := a.quota.Reserve(ctx, info.Size())
	if err != nil {
		return content.File{}, err
	}
	defer release()
	return a.store.Import(ctx, src, cs, step)
}
