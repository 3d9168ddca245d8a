// Package node is a whole node: it is the only package that knows all chapters,
// makes them, joins them and ends them, and it implements shoal.Node. The work
// is done in the chapters; what is here is who is asked for what, in which
// order.
package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/catalog/change"
	"shoal/internal/catalog/find"
	"shoal/internal/datadir"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/network"
	"shoal/internal/network/ask"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/scrubber"
	"shoal/internal/storage/disk"
	"shoal/internal/transfer/download"
)

// Node is a running node. It has all its parts: newNode makes it when the data
// folder and the network are open.
type Node struct {
	*core
	reconciler *reconciler
	scrubber   *scrubber.Scrubber
	council    *membership.Council
	adder      *adder
	getter     *download.Getter
	opener     *download.Opener
	changer    *change.Changer

	running sync.WaitGroup // the node's own goroutines
	calls   calls          // of whoever asks this node for something
	unwatch func()
	serial  atomic.Uint64 // of transfers
}

var _ shoal.Node = (*Node)(nil)

// Open starts a node on its data folder; it is ready when Open returns, and
// must be closed. Errors: shoal.Exists if another process has the folder open,
// shoal.Usage for what is malformed in cfg.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	var o opening
	f, err := o.folder(ctx, cfg)
	if err != nil {
		return nil, errors.Join(datadir.Explain(cfg.Data, err), o.abandon())
	}
	c, err := o.core(ctx, f)
	if err != nil {
		return nil, errors.Join(err, o.abandon())
	}
	n := newNode(c)
	n.start()
	n.awaitJoined(ctx)
	return n, nil
}

// opening holds what is open of a node that is being opened, so that it can be
// closed if a later step fails.
type opening struct{ closers []func() error }

// opened notes how to close a part.
func (o *opening) opened(closer func() error) { o.closers = append(o.closers, closer) }

// abandon closes what is open, the last part first.
func (o *opening) abandon() error {
	var errs []error
	for _, closer := range slices.Backward(o.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// newNode puts the parts above the core together.
func newNode(c *core) *Node {
	n := &Node{core: c, scrubber: newScrubber(c), unwatch: func() {}}
	n.reconciler = newReconciler(c, n.scrubber)
	n.council = newCouncil(c, n.reconciler)
	n.adder, n.getter, n.opener, n.changer = newAdder(c, n.reconciler), newGetter(c, &n.serial), newOpener(c), newChanger(c, n.reconciler)
	return n
}

// start has the node hear of events, answer others and run its loops.
func (n *Node) start() {
	n.listener.set(n)
	gate := func(serve func(network.Stream)) func(network.Stream) { return n.membership.Gate(n.ctx, serve) }
	n.host.Handle(wire.ChunkProtocol, gate(func(s network.Stream) { n.server.Serve(n.ctx, s) }))
	n.host.Handle(wire.FindProtocol, gate(n.serving(find.Kind(), find.AtOnce, n.finder.Answer)))
	n.host.Handle(wire.LogProtocol, gate(func(s network.Stream) { n.exchange.Serve(n.ctx, s) }))
	n.host.Handle(wire.BeatProtocol, gate(n.beats.Serve))
	n.host.Handle(wire.HoldProtocol, gate(n.serving(holdKind(), holdServed, n.reconciler.answerHold)))
	n.host.Handle(wire.JoinProtocol, func(s network.Stream) { n.council.ServeJoin(n.ctx, s) })
	n.unwatch = n.host.Watch(n.peerChanged)
	for _, conn := range n.host.Peers() { // the nodes through which it has joined
		n.peerChanged(network.Change{Peer: conn.Peer, Connected: true})
	}
	n.running.Go(func() { n.beats.Run(n.ctx) })
	n.running.Go(func() { n.council.Run(n.ctx) })
	n.running.Go(func() { n.keeper.Run(n.ctx) })
	n.running.Go(func() { n.reconciler.run(n.ctx) })
	if !n.cfg.Passing { // the scrubber's account is for the node that runs here at other times
		n.running.Go(func() { n.scrubber.Run(n.ctx) })
	}
}

// serving answers questions for as long as the node runs.
func (n *Node) serving(kind ask.Kind, limit int, answer func(context.Context, ask.Question) ([]byte, error)) func(network.Stream) {
	server := ask.NewServer(kind, limit, n.cfg.Log, answer)
	return func(s network.Stream) { server.Serve(n.ctx, s) }
}

// Close ends the node in good order: what runs is cancelled, what was verified
// is made durable.
func (n *Node) Close() error {
	n.stop()
	n.unwatch()
	n.exchange.Close()
	err := n.host.Close()
	n.calls.close()
	n.running.Wait()
	n.fetcher.Wait()
	return errors.Join(err, n.catalog.Close(), n.journal.Close(), n.store.Close())
}

// listener holds the node to which events are told once it is complete. Earlier
// events are dropped: each part begins with a look at everything.
type listener struct{ node atomic.Pointer[Node] }

func (l *listener) set(n *Node) { l.node.Store(n) }

// tell calls do with the node if it is complete.
func (l *listener) tell(do func(*Node)) {
	if n := l.node.Load(); n != nil {
		do(n)
	}
}

// heard passes on that the journal has grown. news says that the roster has changed.
func (n *Node) heard(items []journal.Item, news bool) {
	n.exchange.News(items)
	if news {
		n.exchange.Admitted()
	}
	n.reconciler.heard(items)
	if news {
		n.reconciler.poke()
	}
}

// noticed acts on damage that the store has found.
func (n *Node) noticed(notice disk.Notice) {
	switch notice.Kind {
	case disk.Rotten:
		n.scrubber.Rotted()
		n.reconciler.post(reconcile.Damaged{File: notice.Chunk.File, Chunks: 1})
	case disk.Rebuilt:
		n.reconciler.post(reconcile.Recheck{All: true})
	default: // the log says it
	}
}

// peerChanged tells the chapters that a peer came, or was lost.
func (n *Node) peerChanged(change network.Change) {
	if !change.Connected {
		n.exchange.Drop(change.Peer)
		n.tracker.Forget(change.Peer)
	}
	n.council.PeerChanged(change)
	n.reconciler.poke()
}

// awaitJoined waits until a node that has just joined has learnt the roster and
// introduced itself, so that a caller does not find it among strangers.
func (n *Node) awaitJoined(ctx context.Context) {
	if n.membership.Present() {
		return
	}
	select {
	case <-n.membership.Joined():
	case <-time.After(joinTimeout):
		n.cfg.Log.Warn("the roster has not come yet; this node goes on, and waits for it")
	case <-ctx.Done():
	}
}

// joinTimeout is how long a node that has just joined waits for the roster.
const joinTimeout = 5 * time.Second

// work ties a call to the node's life: its context ends when the caller's does
// or the node is closed, and Close waits for it.
func (n *Node) work(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if !n.calls.begin() {
		cancel(errClosing)
		return ctx, func() {}
	}
	unhook := context.AfterFunc(n.ctx, func() { cancel(errClosing) })
	return ctx, func() {
		unhook()
		cancel(nil)
		n.calls.end()
	}
}

var errClosing = fmt.Errorf("the node is stopping: %w", shoal.Interrupted)

// calls counts what runs, until it is closed to more.
type calls struct {
	mu     sync.Mutex // guards closed, and that none begins when it is
	closed bool
	wg     sync.WaitGroup
}

func (c *calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.wg.Add(1)
	}
	return !c.closed
}

func (c *calls) end() { c.wg.Done() }

// close lets no more begin, and waits for those that have.
func (c *calls) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wg.Wait()
}
