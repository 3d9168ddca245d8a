// Package node is a whole node: it is the only package that knows all chapters,
// makes them, joins them and ends them, and it implements shoal.Node. The work
// is done in the chapters; what is here is who is asked for what, in which
// order.
package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/catalog/change"
	"shoal/internal/catalog/exchange"
	"shoal/internal/catalog/find"
	"shoal/internal/datadir"
	"shoal/internal/discovery"
	"shoal/internal/discovery/addresses"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/membership/heartbeat"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/ask"
	"shoal/internal/network/host"
	"shoal/internal/network/wire"
	"shoal/internal/record"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/scrubber"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/vfs"
	"shoal/internal/transfer"
	"shoal/internal/transfer/download"
	"shoal/internal/transfer/serve"
)

// Config says how a node is to run.
type Config struct {
	Data        string         // the data folder; made if it is not there
	Name        string         // what the node is called
	Listen      []string       // HOST:PORT or multiaddrs; none means the default port everywhere
	Peers       []string       // addresses of nodes to stay connected with
	Join        string         // a ticket; for a folder that belongs to no shoal yet
	Passing     bool           // runs for one command: founds no shoal, says nothing of itself, and fetches nothing it should hold
	Zone        string         // what fails together with this node: a room, a site
	DownAfter   time.Duration  // of silence make a node down, from MinDownAfter to liveness.MaxDown; 0 is the default
	RepairDelay time.Duration  // how long a node must be away before its chunks are copied; 0 is the default, less is none
	TrimDelay   time.Duration  // how long after a change surplus copies are deleted; 0 is the default, less is none
	Scrub       time.Duration  // in which everything here is read and checked once; 0 is the default, less is never
	Trash       time.Duration  // how long what was removed can be had back; 0 is the default
	Capacity    quota.Capacity // how much the node may store
	UploadLimit int64          // bytes per second to all peers; 0 is no limit
	Fail        func(error)    // told if the node cannot go on, and why; it is to be closed then. May be nil
	Version     string         // of the program
	Log         *slog.Logger   // nil logs nothing

	clock   func() time.Time                               // by which the catalogue tells ages; nil is time.Now
	network func(ed25519.PrivateKey) (network.Host, error) // what tests have instead of libp2p; else nil
	system  vfs.System                                     // where the store's files lie, but for its databases; nil is the operating system
}

// MinDownAfter is the least for Config.DownAfter: a beat a second may be missed,
// and another, before a node is suspect, and the same again before it is down.
const MinDownAfter = 6 * time.Second

// Node is a running node.
type Node struct {
	cfg        Config
	started    time.Time
	identity   ed25519.PrivateKey
	beats      *heartbeat.Runner
	exchange   *exchange.Exchange
	reconciler *reconciler
	scrubber   *scrubber.Scrubber

	membership *membership.Membership
	council    *membership.Council
	allotment  int64 // bytes this node holds for others
	addresses  *addresses.File

	host    network.Host
	store   *disk.Store
	quota   *quota.Store
	cache   *quota.Cache
	journal *journal.Journal
	catalog *catalog.Catalog
	board   *transfer.Board
	tracker *transfer.Tracker
	server  *serve.Server
	adder   *adder
	fetcher *download.Fetcher
	getter  *download.Getter
	opener  *download.Opener
	changer *change.Changer
	finder  *find.Finder
	keeper  *discovery.Keeper
	traffic transfer.Traffic

	running sync.WaitGroup // the node's own goroutines
	calls   calls          // of whoever asks this node for something
	ctx     context.Context
	stop    context.CancelFunc
	unwatch func()
	serial  atomic.Uint64 // of transfers
}

var _ shoal.Node = (*Node)(nil)

// Open starts a node on its data folder; it is ready when Open returns, and
// must be closed. Errors: shoal.Exists if another process has the folder open,
// shoal.Usage for what is malformed in cfg.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.clock == nil {
		cfg.clock = time.Now
	}
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	cfg.Data = data
	if err := checkConfig(cfg); err != nil {
		return nil, err
	}
	if cfg.Passing {
		if err := membership.MayPass(data); err != nil {
			return nil, err
		}
	}
	n := &Node{
		cfg: cfg, started: time.Now(),
		board: new(transfer.Board), tracker: new(transfer.Tracker),
	}
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := n.openFolder(ctx); err != nil {
		return nil, errors.Join(datadir.Explain(data, err), n.Close())
	}
	if err := n.openNetwork(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.awaitJoined(ctx)
	return n, nil
}

// checkConfig refuses what is malformed before anything is opened.
func checkConfig(cfg Config) error {
	if cfg.DownAfter != 0 && (cfg.DownAfter < MinDownAfter || cfg.DownAfter > liveness.MaxDown) {
		return fmt.Errorf("a node is called down after %v to %v of silence, and not after %v: %w", MinDownAfter, liveness.MaxDown, cfg.DownAfter, shoal.Usage)
	}
	for _, addr := range cfg.Peers {
		if err := host.CheckAddr(addr); err != nil {
			return shoal.WithHint(err, "an address is like nas.local:4001, or /ip4/192.0.2.1/tcp/4001/p2p/ID")
		}
	}
	_, err := roster.Record(0, roster.Self{Name: cfg.Name, Zone: cfg.Zone}) // as it will be said to all
	return err
}

// openFolder opens what lies in the data folder.
func (n *Node) openFolder(ctx context.Context) (err error) {
	if err := os.MkdirAll(n.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	n.store, err = disk.Open(ctx, filepath.Join(n.cfg.Data, datadir.Store), disk.Options{System: n.cfg.system, Notify: n.notice, CutOf: n.cutOf})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	whole, err := datadir.Capacity(n.cfg.Data)
	if err != nil {
		return err
	}
	limit := n.cfg.Capacity.Limit(whole)
	n.quota = quota.New(n.store, limit)
	n.cache = quota.NewCache(n.quota, n.store.Discard)
	n.allotment = max(limit, 0)
	if limit == 0 {
		n.allotment = whole
	}
	n.addresses = addresses.Open(filepath.Join(n.cfg.Data, datadir.Addresses), n.cfg.Log)
	if err := n.loadIdentity(); err != nil {
		return err
	}
	if err := n.openMembership(ctx); err != nil {
		return err
	}
	if err := n.openCatalog(ctx); err != nil {
		return err
	}
	n.changer = newChanger(n)
	return nil
}

// self is this node's id.
func (n *Node) self() shoal.NodeID { return record.NodeOf(n.identity.Public().(ed25519.PublicKey)) }

// listen makes the host, if it was not made to join through. It answers nobody
// before the chapters are joined.
func (n *Node) listen(ctx context.Context) error {
	if n.host != nil {
		return nil
	}
	h, err := n.newHost(ctx)
	if err != nil {
		return err
	}
	n.host = h
	return nil
}

// newHost makes this node's end of the network, where it was last time if it may.
func (n *Node) newHost(ctx context.Context) (network.Host, error) {
	if n.cfg.network != nil {
		return n.cfg.network(n.identity)
	}
	h, err := host.New(ctx, host.Config{
		Identity: n.identity, Listen: n.cfg.Listen, Ports: n.addresses.Ports(), UserAgent: "shoal/" + n.cfg.Version, Log: n.cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	if !n.cfg.Passing {
		n.addresses.Had(h.Ports())
	}
	return h, nil
}

// openNetwork joins the chapters and starts to listen.
func (n *Node) openNetwork(ctx context.Context) error {
	if err := n.listen(ctx); err != nil {
		return err
	}
	h := n.host
	n.exchange = exchange.New(h, n.journal, n.cfg.Log)
	var err error
	n.beats, err = heartbeat.New(heartbeat.Config{
		Host: h, Key: n.identity, AddrsOf: n.membership.AddrsOf, Before: n.addresses.Of, Notify: n.membersNews, Log: n.cfg.Log,
		Clock:    func() record.Stamp { return record.StampAt(time.Now()) },
		Detector: liveness.Config{Incarnation: n.membership.Folder().Starts, Nonce: nonce(n.started), Down: n.cfg.DownAfter, Suspect: n.cfg.DownAfter / 2},
	})
	if err != nil {
		return err
	}
	n.reconciler, n.scrubber = newReconciler(n), newScrubber(n)
	n.adder, n.finder, n.fetcher = newAdder(n), newFinder(n), newFetcher(n)
	n.getter, n.opener = newGetter(n), newOpener(n)
	n.openCouncil()
	n.join(h)
	n.running.Go(func() { n.reconciler.run(n.ctx) })
	if n.cfg.Passing {
		return nil // what it says of itself is for the node that runs here at other times
	}
	n.running.Go(func() { n.scrubber.Run(n.ctx) })
	return nil
}

// join has the node speak through a host.
func (n *Node) join(h network.Host) {
	n.server = serve.New(serve.Config{
		Library: n.store, Board: n.board, Tracker: n.tracker, AddrsOf: h.AddrsOf,
		UploadLimit: n.cfg.UploadLimit, Sent: n.traffic.Sent, Log: n.cfg.Log,
	})
	gate := func(serve func(network.Stream)) func(network.Stream) { return n.membership.Gate(n.ctx, serve) }
	h.Handle(wire.ChunkProtocol, gate(func(s network.Stream) { n.server.Serve(n.ctx, s) }))
	h.Handle(wire.FindProtocol, gate(n.serving(find.Kind(), find.AtOnce, n.finder.Answer)))
	h.Handle(wire.LogProtocol, gate(func(s network.Stream) { n.exchange.Serve(n.ctx, s) }))
	h.Handle(wire.BeatProtocol, gate(n.beats.Serve))
	h.Handle(wire.HoldProtocol, gate(n.serving(holdKind(), holdServed, n.answerHold)))
	h.Handle(wire.JoinProtocol, func(s network.Stream) { n.council.ServeJoin(n.ctx, s) })
	n.unwatch = h.Watch(n.peerChanged)
	for _, conn := range h.Peers() { // whom it has joined through
		n.peerChanged(network.Change{Peer: conn.Peer, Connected: true})
	}
	n.running.Go(func() { n.beats.Run(n.ctx) })
	n.running.Go(func() { n.council.Run(n.ctx) })
	n.keeper = discovery.NewKeeper(h, slices.Concat(n.cfg.Peers, n.membership.Sponsors()), n.cfg.Log)
	n.running.Go(func() { n.keeper.Run(n.ctx) })
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
	if n.unwatch != nil {
		n.unwatch()
	}
	var err error
	if n.exchange != nil {
		n.exchange.Close()
	}
	if n.host != nil {
		err = n.host.Close()
	}
	n.calls.close()
	n.running.Wait()
	if n.fetcher != nil {
		n.fetcher.Wait()
	}
	return errors.Join(err, n.closeFolder())
}

func (n *Node) closeFolder() error {
	var errs []error
	if n.catalog != nil {
		errs = append(errs, n.catalog.Close())
	}
	if n.journal != nil {
		errs = append(errs, n.journal.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// notice passes on what the store says a person should know.
func (n *Node) notice(notice disk.Notice) {
	n.cfg.Log.Warn("the store", "says", notice.Text, "kind", notice.Kind)
	switch {
	case notice.Kind == disk.Rotten && n.scrubber != nil:
		n.scrubber.Rotted()
		n.reconciler.post(reconcile.Damaged{File: notice.Chunk.File, Chunks: 1})
	case notice.Kind == disk.Rebuilt && n.reconciler != nil:
		n.reconciler.post(reconcile.Recheck{All: true})
	}
}

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
