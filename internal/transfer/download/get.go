package download

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"shoal"
	"shoal/internal/batch"
	"shoal/internal/content"
	"shoal/internal/transfer/fetch"
)

// job is one file of a Get: what to fetch and where to put it.
type job struct {
	item int
	Request
	output string
}

// Output is a file in a person's folder that is being written; a disk.Output has it.
type Output interface {
	Has() content.Bitmap
	Put(ctx context.Context, index int, data []byte) error
	PutRun(ctx context.Context, first int, chunks [][]byte) error
	Sync(ctx context.Context) error
	Finish(ctx context.Context) error // puts the file in its place; all of it is there
	Close() error
}

// Item is a file below a folder's name.
type Item struct {
	Request
	Inside string // the path from the folder's own name on, with forward slashes
}

// Getter gets files into people's folders. Every exported member must be given. Its
// method is safe for use by many goroutines at once.
type Getter struct {
	Self    shoal.NodeID
	Copies  int // of a file, if its entry does not say
	Store   Reader
	Fetcher *Fetcher
	Serial  func() uint64 // returns the number of the next transfer

	// Output begins to write a file to a path, in a folder that is there. Errors:
	// shoal.Exists, if something is at the path and is not to be replaced.
	Output func(ctx context.Context, f content.File, path string, replace bool) (Output, error)

	// Resolve returns the file that a reference means, and Folder the files below a
	// name that ends in a slash. Both ask other nodes.
	Resolve func(ctx context.Context, ref string) (Request, error)
	Folder  func(ctx context.Context, ref string) ([]Item, error)

	// Names returns the entries of a file in the catalogue.
	Names func(ctx context.Context, id shoal.FileID) ([]shoal.Entry, error)

	files keyedLock // one get of a file at a time
}

// Get fetches files, and tells watch of them, as shoal.Mover says.
func (g *Getter) Get(ctx context.Context, req shoal.GetRequest, watch func(shoal.Event)) error {
	b := batch.New(watch)
	for i, item := range req.Items {
		jobs, err := g.jobs(ctx, i, item)
		if err != nil {
			b.End(shoal.Event{Item: i, Name: item.Ref}, err)
		}
		for _, j := range jobs {
			b.Run(ctx, j.item, batch.Cost(j.Entry.Size), func() (shoal.Event, error) {
				return g.get(ctx, j, req, b.Events)
			})
		}
	}
	return b.Wait()
}

// jobs finds out what files an item means.
func (g *Getter) jobs(ctx context.Context, i int, item shoal.GetItem) ([]job, error) {
	if !filepath.IsAbs(item.Output) {
		return nil, fmt.Errorf("get to %q: the path is not absolute: %w", item.Output, shoal.Usage)
	}
	if shoal.IsFolder(item.Ref) {
		return g.folderJobs(ctx, i, item)
	}
	t, err := g.Resolve(ctx, item.Ref)
	if err != nil {
		return nil, err
	}
	output := item.Output
	if isFolder(output) {
		name := path.Base(t.Entry.Name)
		if t.Entry.Name == "" {
			name = t.Entry.ID.String()
		}
		output = filepath.Join(output, name)
	}
	return []job{{item: i, Request: t, output: output}}, nil
}

func (g *Getter) folderJobs(ctx context.Context, i int, item shoal.GetItem) ([]job, error) {
	inside, err := g.Folder(ctx, item.Ref)
	if err != nil {
		return nil, err
	}
	jobs := make([]job, len(inside))
	for k, found := range inside {
		jobs[k] = job{item: i, Request: found.Request, output: filepath.Join(item.Output, filepath.FromSlash(found.Inside))}
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
func (g *Getter) get(ctx context.Context, j job, req shoal.GetRequest, events *batch.Events) (shoal.Event, error) {
	event := shoal.Event{
		Item: j.item, Name: j.Entry.Name, File: j.Entry.ID, Total: max(j.Entry.Size, 0),
		Path: j.output, Transfer: g.Serial(),
	}
	if _, err := os.Lstat(j.output); err == nil && !req.Force {
		return event, shoal.WithHint(fmt.Errorf("%s: %w", j.output, shoal.Exists), "--force replaces it")
	}
	unlock, err := g.files.lock(ctx, j.Entry.ID)
	if err != nil {
		return event, err
	}
	defer unlock()
	file, stats, err := g.fetchInto(ctx, j, req, func(e shoal.Event) {
		e.Item, e.Name, e.Transfer, e.Path = j.item, j.Entry.Name, event.Transfer, j.output
		g.Fetcher.nameSources(&e)
		events.Emit(e)
	})
	event.Stats = &stats
	g.Fetcher.nameSources(&event)
	if err != nil {
		return event, fmt.Errorf("get %s: %w", nameOr(j.Entry), err)
	}
	entry, err := g.named(ctx, file, j)
	if err != nil {
		return event, fmt.Errorf("get %s: %w", nameOr(j.Entry), err)
	}
	event.Entry, event.Done, event.Total = &entry, file.Size, file.Size
	return event, nil
}

// named is the entry of a file that was got. A file of another shoal has none,
// and gets none: to have it kept here, a person adds it.
func (g *Getter) named(ctx context.Context, file content.File, j job) (shoal.Entry, error) {
	entry := shoal.Entry{
		ID: file.ID, Name: j.Entry.Name, Size: file.Size, ChunkSize: int(file.ChunkSize),
		Copies: max(j.Entry.Copies, g.Copies), Added: addedOr(j.Entry), By: g.Self,
	}
	if entry.Name == "" {
		entry.Name = filepath.Base(j.output)
	}
	known, err := g.Names(ctx, file.ID)
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
func (g *Getter) fetchInto(ctx context.Context, j job, req shoal.GetRequest, watch func(shoal.Event)) (content.File, shoal.Stats, error) {
	var file content.File
	var out Output
	open := func(ctx context.Context, f content.File) (_ fetch.Target, err error) {
		if err := os.MkdirAll(filepath.Dir(j.output), 0o777); err != nil {
			return nil, fmt.Errorf("make the output's folder: %w", err)
		}
		if out, err = g.Output(ctx, f, j.output, req.Force); err != nil {
			return nil, err
		}
		file = f
		return outputTarget{out}, g.reuse(ctx, f, out)
	}
	stats, err := g.Fetcher.Start(ctx, j.Request, fetch.Task{Open: open, Watch: watch}).Wait()
	if out != nil {
		err = errors.Join(err, out.Close())
	}
	return file, stats, err
}

// outputTarget has a fetch write to an output, and put it in its place when it
// is whole.
type outputTarget struct{ Output }

func (o outputTarget) Settle(ctx context.Context, whole bool) error {
	if whole {
		return o.Finish(ctx)
	}
	return o.Sync(ctx)
}

// reuse copies into an output what other places on this node have of the file.
func (g *Getter) reuse(ctx context.Context, f content.File, out Output) error {
	have, err := g.Store.Has(ctx, f.ID)
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
		size, err := g.Store.Get(ctx, shoal.Chunk{File: f.ID, Index: i}, buf[:f.ChunkLen(i)])
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

// addedOr is when the file was added by whoever did, or now.
func addedOr(e shoal.Entry) time.Time {
	if e.Added.IsZero() {
		return time.Now().UTC()
	}
	return e.Added
}
