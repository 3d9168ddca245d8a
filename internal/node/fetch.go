package node

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
	"shoal/internal/network"
	"shoal/internal/storage/disk"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
)

// fetchTarget is where a fetch puts its chunks.
type fetchTarget = fetch.Target

// connectTimeout bounds the dialling of one address of a link.
const connectTimeout = 10 * time.Second

// fetcher gets files from other nodes, and tells each fetch of every source.
type fetcher struct {
	host       network.Host
	store      *disk.Store
	engine     *fetch.Engine
	tracker    *transfer.Tracker
	neighbours func() []shoal.NodeID
	title      func(shoal.NodeID) string
	node       *sync.WaitGroup // Node.Close waits for it
	log        *slog.Logger

	running   sync.Map // of *fetch.Fetch
	transfers atomic.Int64
}

func newFetcher(n *Node) *fetcher {
	engine := fetch.New(fetch.Config{
		Dial: n.dialSource, Learn: n.learn, Received: n.traffic.Received, Self: n.host.ID(),
		Board: n.board, Bans: new(transfer.Bans), Log: n.cfg.Log,
	})
	return &fetcher{
		host: n.host, store: n.store, engine: engine, tracker: n.tracker, neighbours: n.neighbours,
		title: n.membership.Title, node: &n.running, log: n.cfg.Log,
	}
}

// fetch gets a file from whoever has it into what open opens.
func (f *fetcher) fetch(ctx context.Context, t target, open func(context.Context, content.File) (fetchTarget, error), watch func(shoal.Event)) (shoal.Stats, error) {
	return f.start(ctx, t, fetch.Task{Open: open, Watch: watch}).Wait()
}

// start starts a fetch of a target, and tells it of every source: the named nodes,
// the connected nodes, nodes that connect while it runs, and nodes that ask this one
// for the same file.
func (f *fetcher) start(ctx context.Context, t target, task fetch.Task) *fetch.Fetch {
	task.File, task.SizeHint = t.entry.ID, t.entry.Size
	if len(t.sources) == 0 { // else it may be only what those say who answered
		task.Size = t.entry.Size
	}
	if known, err := f.store.File(ctx, task.File); err == nil {
		task.Known = &known
	} else if empty := (content.File{ID: task.File, ChunkSize: cmp.Or(content.ChunkSize(t.entry.ChunkSize), content.DefaultChunkSize(0))}); empty.Check() == nil {
		task.Known = &empty // its id says all of it: nobody need have it
	}
	task.Sure = task.Sure || len(t.sources) > 0
	if !task.Only {
		task.Sources = f.connected(append(task.Sources, t.sources...))
	}
	task.Searching = len(t.addrs) > 0
	f.transfers.Add(1)
	started := f.engine.Start(ctx, task)
	f.running.Store(started, struct{}{})
	f.node.Go(func() {
		f.findSources(ctx, started, task.File, t.addrs)
		f.running.Delete(started)
		f.transfers.Add(-1)
	})
	return started
}

// findSources feeds a fetch with sources until it ends.
func (f *fetcher) findSources(ctx context.Context, running *fetch.Fetch, file shoal.FileID, addrs []string) {
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
	follow := f.tracker.Follow(file)
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
func (f *fetcher) dialAddr(ctx context.Context, running *fetch.Fetch, addr string) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	peer, err := f.host.Connect(ctx, addr)
	if err != nil {
		f.log.Debug("address of a link not reached", "addr", addr, "err", err)
		return
	}
	running.AddSource(peer)
}

// nameSources fills in what the sources of an event call themselves.
func (f *fetcher) nameSources(e *shoal.Event) {
	if e.Source != nil {
		e.Source.Name = f.title(e.Source.Node)
	}
	if e.Stats != nil {
		for i := range e.Stats.Sources {
			e.Stats.Sources[i].Name = f.title(e.Stats.Sources[i].Node)
		}
	}
}

// follow tells running fetches that a peer has come.
func (f *fetcher) follow(peer shoal.NodeID) {
	f.running.Range(func(key, _ any) bool {
		key.(*fetch.Fetch).AddSource(peer)
		return true
	})
}

// connected returns the nodes of first, then the other connected nodes of the shoal.
func (f *fetcher) connected(first []shoal.NodeID) []shoal.NodeID {
	all := slices.Clone(first)
	for _, peer := range f.neighbours() {
		if !slices.Contains(all, peer) {
			all = append(all, peer)
		}
	}
	return all
}
