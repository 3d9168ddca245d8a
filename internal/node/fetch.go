package node

import (
	"cmp"
	"context"
	"sync"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer/fetch"
)

// fetchTarget is where a fetch puts its chunks.
type fetchTarget = fetch.Target

// connectTimeout bounds the dialling of one address of a link.
const connectTimeout = 10 * time.Second

// fetch gets a file from whoever has it into what open opens.
func (n *Node) fetch(ctx context.Context, t target, open func(context.Context, content.File) (fetchTarget, error), watch func(shoal.Event)) (shoal.Stats, error) {
	f := n.startFetch(ctx, t, fetch.Task{Open: open, Watch: watch})
	return f.Wait()
}

// startFetch starts a fetch of a target, and sees to it that it hears of every
// source: those that were named, those that are connected, those that connect
// while it runs, and those that ask this node for the same file.
func (n *Node) startFetch(ctx context.Context, t target, task fetch.Task) *fetch.Fetch {
	task.File, task.SizeHint = t.entry.ID, t.entry.Size
	if len(t.sources) == 0 { // else it may be only what those say who answered
		task.Size = t.entry.Size
	}
	if known, err := n.store.File(ctx, task.File); err == nil {
		task.Known = &known
	} else if empty := (content.File{ID: task.File, ChunkSize: cmp.Or(content.ChunkSize(t.entry.ChunkSize), content.DefaultChunkSize(0))}); empty.Check() == nil {
		task.Known = &empty // its id says all of it: nobody need have it
	}
	task.Sure = task.Sure || len(t.sources) > 0
	if !task.Only {
		task.Sources = n.connected(append(task.Sources, t.sources...))
	}
	task.Searching = len(t.addrs) > 0
	n.transfers.Add(1)
	f := n.engine.Start(ctx, task)
	n.fetches.Store(f, struct{}{})
	n.running.Go(func() {
		n.findSources(ctx, f, task.File, t.addrs)
		n.fetches.Delete(f)
		n.transfers.Add(-1)
	})
	return f
}

// findSources feeds a fetch with sources until it ends.
func (n *Node) findSources(ctx context.Context, f *fetch.Fetch, file shoal.FileID, addrs []string) {
	ctx, cancel := context.WithCancel(ctx)
	var dials sync.WaitGroup
	for _, addr := range addrs {
		dials.Go(func() { n.dialAddr(ctx, f, addr) })
	}
	searched := make(chan struct{})
	go func() {
		defer close(searched)
		dials.Wait()
		f.SearchOver()
	}()
	follow := n.tracker.Follow(file)
	defer follow.Close()
	for {
		select {
		case peer := <-follow.C:
			f.AddSource(peer)
		case <-f.Done():
			cancel()
			<-searched
			return
		}
	}
}

// dialAddr connects to an address of a link.
func (n *Node) dialAddr(ctx context.Context, f *fetch.Fetch, addr string) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	peer, err := n.host.Connect(ctx, addr)
	if err != nil {
		n.cfg.Log.Debug("address of a link not reached", "addr", addr, "err", err)
		return
	}
	f.AddSource(peer)
}

// nameSources fills in what the sources of an event call themselves.
func (n *Node) nameSources(e *shoal.Event) {
	if e.Source != nil {
		e.Source.Name = n.roll.title(e.Source.Node)
	}
	if e.Stats != nil {
		for i := range e.Stats.Sources {
			e.Stats.Sources[i].Name = n.roll.title(e.Stats.Sources[i].Node)
		}
	}
}
