package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/batch"
	"shoal/internal/catalog"
	"shoal/internal/catalog/find"
	"shoal/internal/content"
	"shoal/internal/storage/disk"
)

// job is one file of a Get: what to fetch and where to put it.
type job struct {
	item int
	target
	output string
}

// getter gets files into people's folders.
type getter struct {
	self    shoal.NodeID
	store   *disk.Store
	catalog *catalog.Catalog
	finder  *find.Finder
	fetcher *fetcher
	serial  *atomic.Uint64
	files   keyedLock // one get of a file at a time
}

func newGetter(n *Node) *getter {
	return &getter{self: n.self(), store: n.store, catalog: n.catalog, finder: n.finder, fetcher: n.fetcher, serial: &n.serial}
}

// Get fetches files. See shoal.Mover.
func (n *Node) Get(ctx context.Context, req shoal.GetRequest, watch func(shoal.Event)) error {
	if len(req.Items) > shoal.MaxItems {
		return fmt.Errorf("%d files in one request, at most %d are allowed: %w", len(req.Items), shoal.MaxItems, shoal.Usage)
	}
	ctx, done := n.work(ctx)
	defer done()
	b := batch.New(watch)
	for i, item := range req.Items {
		jobs, err := n.getter.jobs(ctx, i, item)
		if err != nil {
			b.End(shoal.Event{Item: i, Name: item.Ref}, err)
		}
		for _, j := range jobs {
			b.Run(ctx, j.item, batch.Cost(j.entry.Size), func() (shoal.Event, error) {
				return n.getter.get(ctx, j, req, b.Events)
			})
		}
	}
	return b.Wait()
}

// jobs finds out what files an item means.
func (g *getter) jobs(ctx context.Context, i int, item shoal.GetItem) ([]job, error) {
	if !filepath.IsAbs(item.Output) {
		return nil, fmt.Errorf("get to %q: the path is not absolute: %w", item.Output, shoal.Usage)
	}
	if shoal.IsFolder(item.Ref) {
		return g.folderJobs(ctx, i, item)
	}
	t, err := resolve(ctx, g.finder, item.Ref)
	if err != nil {
		return nil, err
	}
	output := item.Output
	if isFolder(output) {
		name := path.Base(t.entry.Name)
		if t.entry.Name == "" {
			name = t.entry.ID.String()
		}
		output = filepath.Join(output, name)
	}
	return []job{{item: i, target: t, output: output}}, nil
}

func (g *getter) folderJobs(ctx context.Context, i int, item shoal.GetItem) ([]job, error) {
	inside, err := g.finder.Folder(ctx, item.Ref)
	if err != nil {
		return nil, err
	}
	jobs := make([]job, len(inside))
	for k, found := range inside {
		jobs[k] = job{item: i, target: targetOf(found.Found), output: filepath.Join(item.Output, filepath.FromSlash(found.Inside))}
	}
	return jobs, nil
}

// isFolder reports whether an output names a folder to put the file into.
func isFolder(output string) bool {
	if strings.HasSuffix(output, string(filepath.Separator)) {
		return true
	}
	info, err := os.Stat(output)
	return err == nil && info.IsDir()
}

// get gets one file.
func (g *getter) get(ctx context.Context, j job, req shoal.GetRequest, events *batch.Events) (shoal.Event, error) {
	event := shoal.Event{
		Item: j.item, Name: j.entry.Name, File: j.entry.ID, Total: max(j.entry.Size, 0),
		Path: j.output, Transfer: g.serial.Add(1),
	}
	if _, err := os.Lstat(j.output); err == nil && !req.Force {
		return event, shoal.WithHint(fmt.Errorf("%s: %w", j.output, shoal.Exists), "--force replaces it")
	}
	unlock, err := g.lockFile(ctx, j.entry.ID)
	if err != nil {
		return event, err
	}
	defer unlock()
	file, stats, err := g.fetchInto(ctx, j, req, func(e shoal.Event) {
		e.Item, e.Name, e.Transfer, e.Path = j.item, j.entry.Name, event.Transfer, j.output
		g.fetcher.nameSources(&e)
		events.Emit(e)
	})
	event.Stats = &stats
	g.fetcher.nameSources(&event)
	if err != nil {
		return event, fmt.Errorf("get %s: %w", nameOr(j.entry), err)
	}
	entry, err := g.named(ctx, file, j)
	if err != nil {
		return event, fmt.Errorf("get %s: %w", nameOr(j.entry), err)
	}
	event.Entry, event.Done, event.Total = &entry, file.Size, file.Size
	return event, nil
}

// named is the entry of a file that was got. A file of another shoal has none,
// and gets none: to have it kept here, a person adds it.
func (g *getter) named(ctx context.Context, file content.File, j job) (shoal.Entry, error) {
	entry := shoal.Entry{
		ID: file.ID, Name: j.entry.Name, Size: file.Size, ChunkSize: int(file.ChunkSize),
		Copies: max(j.entry.Copies, defaultCopies), Added: addedOr(j.entry), By: g.self,
	}
	if entry.Name == "" {
		entry.Name = filepath.Base(j.output)
	}
	known, err := g.catalog.Of(ctx, file.ID)
	if err != nil {
		return entry, err
	}
	for _, e := range known {
		if e.Name == entry.Name {
			return e, nil
		}
	}
	return entry, nil
}

// fetchInto fetches a file into its output, and puts it there when it is whole.
func (g *getter) fetchInto(ctx context.Context, j job, req shoal.GetRequest, watch func(shoal.Event)) (content.File, shoal.Stats, error) {
	var file content.File
	var out *disk.Output
	replace := disk.Refuse
	if req.Force {
		replace = disk.Overwrite
	}
	open := func(ctx context.Context, f content.File) (_ fetchTarget, err error) {
		if err := os.MkdirAll(filepath.Dir(j.output), 0o777); err != nil {
			return nil, fmt.Errorf("make the output's folder: %w", err)
		}
		if out, err = g.store.Output(ctx, f, j.output, replace); err != nil {
			return nil, err
		}
		file = f
		return outputTarget{out}, g.reuse(ctx, f, out)
	}
	stats, err := g.fetcher.fetch(ctx, j.target, open, watch)
	if out != nil {
		err = errors.Join(err, out.Close())
	}
	return file, stats, err
}

// outputTarget has a fetch write to an output, and put it in its place when it
// is whole.
type outputTarget struct{ *disk.Output }

func (o outputTarget) Settle(ctx context.Context, whole bool) error {
	if whole {
		return o.Finish(ctx)
	}
	return o.Sync(ctx)
}

// reuse copies into an output what other places on this node have of the file.
func (g *getter) reuse(ctx context.Context, f content.File, out *disk.Output) error {
	have, err := g.store.Has(ctx, f.ID)
	if err != nil {
		return nil //nolint:nilerr // nothing of it is known here, so nothing can be reused
	}
	there := out.Has()
	var buf []byte
	for i := range have.All {
		if there.Has(i) {
			continue
		}
		if buf == nil {
			buf = make([]byte, f.ChunkSize)
		}
		size, err := g.store.Get(ctx, shoal.Chunk{File: f.ID, Index: i}, buf[:f.ChunkLen(i)])
		if errors.Is(err, shoal.NotFound) {
			continue // it has rotted, and is fetched instead
		}
		if err != nil {
			return fmt.Errorf("reuse chunk %d: %w", i, err)
		}
		if err := out.Put(ctx, i, buf[:size]); err != nil {
			return err
		}
	}
	return nil
}

// lockFile waits until no other get of the file is running.
func (g *getter) lockFile(ctx context.Context, id shoal.FileID) (unlock func(), err error) {
	for {
		unlock, busy := g.files.tryLock(id)
		if unlock != nil {
			return unlock, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func nameOr(e shoal.Entry) string {
	if e.Name != "" {
		return e.Name
	}
	return e.ID.Short()
}

// addedOr is when the file was added by whoever did, or now.
func addedOr(e shoal.Entry) time.Time {
	if e.Added.IsZero() {
		return time.Now().UTC()
	}
	return e.Added
}
