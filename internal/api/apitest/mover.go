package apitest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"shoal"
)

// call is one Add, Get or Verify: it numbers the events.
type call struct {
	node  *Node
	watch func(shoal.Event)
	seq   uint64
}

func (c *call) tell(e shoal.Event) {
	if c.watch == nil {
		return
	}
	c.seq++
	e.Seq, e.Time, e.Transfer = c.seq, Born().Add(time.Duration(c.seq)*time.Second), 1
	c.watch(e)
}

// stall waits for the end of ctx if that is what the test wants.
func (c *call) stall(ctx context.Context) error {
	c.node.mu.Lock()
	endless := c.node.endless
	c.node.mu.Unlock()
	if !endless {
		return ctx.Err()
	}
	c.tell(shoal.Event{Type: shoal.EventStarted})
	c.node.begun <- struct{}{}
	<-ctx.Done()
	c.node.ended <- ctx.Err()
	return fmt.Errorf("stalled: %w", ctx.Err())
}

// Add reads the files into memory.
func (n *Node) Add(ctx context.Context, req shoal.AddRequest, watch func(shoal.Event)) error {
	c := &call{node: n, watch: watch}
	if err := n.broken(); err != nil {
		return err
	}
	if err := c.stall(ctx); err != nil {
		return err
	}
	return c.each(len(req.Items), func(i int) error {
		item := req.Items[i]
		if err := shoal.CheckName(item.Name); err != nil {
			return err
		}
		data, err := os.ReadFile(item.Path)
		if err != nil {
			return fmt.Errorf("add %s: %w", item.Name, err)
		}
		entry := n.put(item.Name, data, cmp.Or(req.Copies, usualCopies))
		c.tell(shoal.Event{Type: shoal.EventStarted, Item: i, Name: item.Name, Total: entry.Size})
		c.tell(shoal.Event{Type: shoal.EventProgress, Item: i, Name: item.Name, Done: entry.Size / 2, Total: entry.Size})
		c.tell(shoal.Event{Type: shoal.EventDone, Item: i, File: entry.ID, Name: item.Name, Done: entry.Size, Total: entry.Size, Entry: &entry})
		return nil
	})
}

// Get writes the files where they are wanted.
func (n *Node) Get(ctx context.Context, req shoal.GetRequest, watch func(shoal.Event)) error {
	c := &call{node: n, watch: watch}
	if err := n.broken(); err != nil {
		return err
	}
	if err := c.stall(ctx); err != nil {
		return err
	}
	return c.each(len(req.Items), func(i int) error {
		entries, err := n.under(req.Items[i].Ref)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := c.fetch(i, entry, req.Items[i], req.Force); err != nil {
				return err
			}
		}
		return nil
	})
}

// each does the items one after the other, and sums up how it went.
func (c *call) each(items int, do func(i int) error) error {
	failed := 0
	var last error
	for i := range items {
		if err := do(i); err != nil {
			failed, last = failed+1, err
			c.tell(shoal.Event{Type: shoal.EventFailed, Item: i, Err: err})
		}
	}
	switch {
	case failed == 0:
		return nil
	case items == 1:
		return last
	}
	return fmt.Errorf("%d of %d files failed: %w", failed, items, shoal.Partial)
}

// under is the file that ref means, or all files below a name that ends in a
// slash.
func (n *Node) under(ref string) ([]shoal.Entry, error) {
	if !shoal.IsFolder(ref) {
		entry, err := n.resolve(ref)
		return []shoal.Entry{entry}, err
	}
	entries, err := n.List(context.Background(), shoal.ListRequest{Prefix: ref})
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("nothing is under %q: %w", ref, shoal.NotFound)
	}
	return entries, err
}

// fetch writes one file.
func (c *call) fetch(i int, entry shoal.Entry, item shoal.GetItem, force bool) error {
	out := item.Output
	info, err := os.Stat(out)
	if strings.HasSuffix(out, "/") || (err == nil && info.IsDir()) {
		own := path.Base(entry.Name)
		if parent := path.Dir(strings.TrimSuffix(item.Ref, "/")); strings.HasSuffix(item.Ref, "/") {
			own = strings.TrimPrefix(entry.Name, parent+"/")
		}
		out = filepath.Join(out, filepath.FromSlash(own))
	}
	if _, err := os.Stat(out); err == nil && !force {
		return shoal.WithHint(fmt.Errorf("%s is there already: %w", out, fs.ErrExist), "replace it with --force")
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	c.node.mu.Lock()
	data := c.node.files[entry.ID]
	c.node.mu.Unlock()
	source := shoal.Source{Node: "12D3KooWSourceSource", Name: "pi4", Bytes: entry.Size, Rate: 1e6}
	about := shoal.Event{Item: i, File: entry.ID, Name: entry.Name, Total: entry.Size, Path: out}
	tell := func(t shoal.EventType, change func(*shoal.Event)) {
		e := about
		e.Type = t
		change(&e)
		c.tell(e)
	}
	tell(shoal.EventStarted, func(*shoal.Event) {})
	tell(shoal.EventSourceJoined, func(e *shoal.Event) { e.Source = &source })
	tell(shoal.EventProgress, func(e *shoal.Event) { e.Done = entry.Size / 2 })
	if err := os.WriteFile(out, data, 0o666); err != nil {
		return err
	}
	tell(shoal.EventDone, func(e *shoal.Event) {
		e.Done, e.Entry = entry.Size, &entry
		e.Stats = &shoal.Stats{Bytes: entry.Size, Elapsed: time.Second, Sources: []shoal.Source{source}}
	})
	return nil
}

// Open reads from memory, up to the first rotten chunk.
func (n *Node) Open(_ context.Context, ref string) (shoal.Content, error) {
	entry, err := n.resolve(ref)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return &content{Reader: bytes.NewReader(n.files[entry.ID]), node: n, entry: entry}, nil
}

// content is a file opened for reading.
type content struct {
	*bytes.Reader
	node  *Node
	entry shoal.Entry
}

func (f *content) Entry() shoal.Entry { return f.entry }
func (f *content) Close() error       { return nil }

// Read gives at most the rest of one chunk.
func (f *content) Read(p []byte) (int, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	chunk := shoal.Chunk{File: f.entry.ID, Index: int(at / ChunkSize)}
	f.node.mu.Lock()
	rotten := f.node.rotten[chunk]
	f.node.mu.Unlock()
	if rotten {
		return 0, shoal.WithHint(fmt.Errorf("chunk %v is rotten: %w", chunk, shoal.Integrity), "get it again from another node")
	}
	return f.Reader.Read(p[:min(len(p), ChunkSize-int(at%ChunkSize))])
}

// Seek refuses in words of package shoal.
func (f *content) Seek(offset int64, whence int) (int64, error) {
	at, err := f.Reader.Seek(offset, whence)
	if err != nil {
		return at, fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	return at, nil
}
