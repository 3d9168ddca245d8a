// Package download gets files from other nodes: into a person's folder, into the
// node's own store, or as they are read. It starts the fetches and tells them of
// every source that it hears of.
//
// It does not move chunks, which package fetch does, and it does not decide which
// files a node keeps.
package download

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
)

// Request is a file to fetch, and the nodes that may have it.
type Request struct {
	Entry   shoal.Entry // Size is -1 if no node told it
	Sources []shoal.NodeID
	Addrs   []string // of sources, from a link
}

// connectTimeout bounds the dialling of one address of a link.
const connectTimeout = 10 * time.Second

// Host connects to an address; a network.Host has it.
type Host interface {
	Connect(ctx context.Context, addr string) (shoal.NodeID, error)
}

// Reader gives what is on this node; a storage.Reader has it.
type Reader interface {
	File(ctx context.Context, id shoal.FileID) (content.File, error)
	Has(ctx context.Context, id shoal.FileID) (content.Bitmap, error)
	Get(ctx context.Context, chunk shoal.Chunk, buf []byte) (int, error)
}

// Config connects a Fetcher with the rest of the node. Every member must be given.
type Config struct {
	Host       Host
	Store      Reader
	Engine     *fetch.Engine
	Tracker    *transfer.Tracker
	Neighbours func() []shoal.NodeID     // the connected nodes of the shoal
	Title      func(shoal.NodeID) string // what a node calls itself
	Log        *slog.Logger
}

// Fetcher starts fetches, and tells each of every source. Its methods are safe for
// use by many goroutines at once.
type Fetcher struct {
	cfg       Config
	searches  sync.WaitGroup
	running   sync.Map // of *fetch.Fetch
	transfers atomic.Int64
}

// New returns a Fetcher.
func New(cfg Config) *Fetcher { return &Fetcher{cfg: cfg} }

// Running returns how many fetches run.
func (f *Fetcher) Running() int { return int(f.transfers.Load()) }

// Wait waits until every fetch has ended. No fetch may be started after the call.
func (f *Fetcher) Wait() { f.searches.Wait() }

// Start starts a fetch of a file, and tells it of every source: the nodes of the
// request, the connected nodes, nodes that connect while it runs, and nodes that ask
// this node for the same file. It fills in what the request says of the task. The
// fetch ends with ctx at the latest.
func (f *Fetcher) Start(ctx context.Context, r Request, task fetch.Task) *fetch.Fetch {
	task.File, task.SizeHint = r.Entry.ID, r.Entry.Size
	if len(r.Sources) == 0 { // else the size may only be the word of the nodes that answered
		task.Size = r.Entry.Size
	}
	if known, err := f.cfg.Store.File(ctx, task.File); err == nil {
		task.Known = &known
	} else if empty := (content.File{ID: task.File, ChunkSize: cmp.Or(content.ChunkSize(r.Entry.ChunkSize), content.DefaultChunkSize(0))}); empty.Check() == nil {
		task.Known = &empty // its id says all of it: nobody need have it
	}
	task.Sure = task.Sure || len(r.Sources) > 0
	if !task.Only {
		task.Sources = f.connected(append(task.Sources, r.Sources...))
	}
	task.Searching = len(r.Addrs) > 0
	f.transfers.Add(1)
	started := f.cfg.Engine.Start(ctx, task)
	f.running.Store(started, struct{}{})
	f.searches.Go(func() {
		f.findSources(ctx, started, task.File, r.Addrs)
		f.running.Delete(started)
		f.transfers.Add(-1)
	})
	return started
}

// findSources feeds a fetch with sources until it ends.
func (f *Fetcher) findSources(ctx context.Context, running *fetch.Fetch, file shoal.FileID, addrs []string) {
	ctx, cancel := context.WithCancel(ctx)
	var dials sync.WaitGroup
	for _, addr := range addrs {
		dials.Go(func() { f.dialAddr(ctx, running, addr) })
	}
	searched := make(chan struct{})
	go func() {
		defer close(searched)
		dials.Wait()
		running.SearchOver()
	}()
	follow := f.cfg.Tracker.Follow(file)
	defer follow.Close()
	for {
		select {
		case peer := <-follow.C:
			running.AddSource(peer)
		case <-running.Done():
			cancel()
			<-searched
			return
		}
	}
}

// dialAddr connects to an address of a link.
func (f *Fetcher) dialAddr(ctx context.Context, running *fetch.Fetch, addr string) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	peer, err := f.cfg.Host.Connect(ctx, addr)
	if err != nil {
		f.cfg.Log.Debug("address of a link not reached", "addr", addr, "err", err)
		return
	}
	running.AddSource(peer)
}

// nameSources fills in the names of the sources of an event.
func (f *Fetcher) nameSources(e *shoal.Event) {
	if e.Source != nil {
		e.Source.Name = f.cfg.Title(e.Source.Node)
	}
	if e.Stats != nil {
		for i := range e.Stats.Sources {
			e.Stats.Sources[i].Name = f.cfg.Title(e.Stats.Sources[i].Node)
		}
	}
}

// AddSource tells running fetches that a node has connected.
func (f *Fetcher) AddSource(peer shoal.NodeID) {
	f.running.Range(func(key, _ any) bool {
		key.(*fetch.Fetch).AddSource(peer)
		return true
	})
}

// connected returns the nodes of first, then the other connected nodes of the shoal.
func (f *Fetcher) connected(first []shoal.NodeID) []shoal.NodeID {
	all := slices.Clone(first)
	for _, peer := range f.cfg.Neighbours() {
		if !slices.Contains(all, peer) {
			all = append(all, peer)
		}
	}
	return all
}

// nameOr returns the name of an entry, or the short form of its id.
func nameOr(e shoal.Entry) string {
	if e.Name != "" {
		return e.Name
	}
	return e.ID.Short()
}
