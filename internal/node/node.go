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
	"shoal/internal/catalog/exchange"
	"shoal/internal/discovery"
	"shoal/internal/journal"
	"shoal/internal/membership/heartbeat"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/host"
	"shoal/internal/network/wire"
	"shoal/internal/record"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/vfs"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
	"shoal/internal/transfer/serve"
)

// What lies where in a data folder.
const (
	identityFile = "identity.pem"
	shoalFile    = "shoal.json"
	invitesFile  = "invites.json"
	addressFile  = "addresses.json"
	storeFolder  = "store"
	journalFile  = "journal.db"
	catalogFile  = "catalog.db"
	strandedFile = "catalog.db.stranded" // shows a journal that is lost
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
	cfg      Config
	started  time.Time
	identity ed25519.PrivateKey
	belongs  belonging
	roll     roll
	invites  invites
	beats    *heartbeat.Runner
	exchange *exchange.Exchange
	steward  *steward
	scrubber *scrubber

	onRoster   chan struct{} // closed when this node has found itself on the roster
	enrolled   func()        // closes it
	recalled   chan struct{} // closed when this node knows how far it had come itself
	doubtful   atomic.Bool   // its folder was copied, restored or mended, and it does not know yet
	presented  chan struct{} // closed when it has been said what others should know of this node
	introduced func()        // closes it

	allotment    int64    // bytes this node holds for others
	sponsorAddrs []string // of the ticket it was started with
	refused      error    // why that ticket was not taken, if it was not
	shunned      shunned
	leaving      sync.Map // of those who are no longer on the roster, and are connected: when that was first seen
	addresses    *addressBook
	met          chan struct{} // has a value when a peer was met lately

	host    network.Host
	store   *disk.Store
	quota   *quota.Store
	journal *journal.Journal
	catalog *catalog.Catalog
	board   *transfer.Board
	tracker *transfer.Tracker
	server  *serve.Server
	engine  *fetch.Engine
	keeper  *discovery.Keeper
	traffic traffic
	files   keyedLock // one get of a file at a time
	loans   loans

	// nameless is held for reading while a file is taken in that has no name
	// yet, and for writing while one that has none is deleted.
	nameless sync.RWMutex

	running   sync.WaitGroup // the node's own goroutines
	calls     calls          // of whoever asks this node for something
	ctx       context.Context
	stop      context.CancelFunc
	unwatch   func()
	fetches   sync.Map // of *fetch.Fetch, those running
	transfers atomic.Int64
	answering atomic.Int64  // questions of peers
	atGate    atomic.Int64  // strangers that wait to be let in
	serial    atomic.Uint64 // of transfers
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
		if err := mayPass(data); err != nil {
			return nil, err
		}
	}
	n := &Node{
		cfg: cfg, started: time.Now(),
		board: new(transfer.Board), tracker: new(transfer.Tracker),
	}
	n.onRoster, n.recalled, n.presented, n.met = make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	n.enrolled = sync.OnceFunc(func() { close(n.onRoster) })
	n.introduced = sync.OnceFunc(func() { close(n.presented) })
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := n.openFolder(ctx); err != nil {
		return nil, errors.Join(folderError(data, err), n.Close())
	}
	if err := n.openNetwork(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.awaitEnrolled(ctx)
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
	n.store, err = disk.Open(ctx, filepath.Join(n.cfg.Data, storeFolder), disk.Options{System: n.cfg.system, Notify: n.notice, CutOf: n.cutOf})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	whole, err := diskBytes(n.cfg.Data)
	if err != nil {
		return err
	}
	limit := n.cfg.Capacity.Limit(whole)
	n.quota = quota.New(n.store, limit)
	n.allotment = max(limit, 0)
	if limit == 0 {
		n.allotment = whole
	}
	n.addresses = openAddressBook(filepath.Join(n.cfg.Data, addressFile), n.cfg.Log)
	if err := n.loadIdentity(); err != nil {
		return err
	}
	if err := n.belong(ctx); err != nil {
		return err
	}
	n.roll.roster = roster.New(n.belongs.Shoal)
	if n.invites, err = loadInvites(filepath.Join(n.cfg.Data, invitesFile)); err != nil {
		return err
	}
	if err := n.openCatalog(ctx); err != nil {
		return err
	}
	return n.shutOut()
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
		Identity: n.identity, Listen: n.cfg.Listen, Ports: n.addresses.ports(), UserAgent: "shoal/" + n.cfg.Version, Log: n.cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	if !n.cfg.Passing {
		n.addresses.had(h.Ports())
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
		Host: h, Key: n.identity, AddrsOf: n.addrsOf, Before: n.addresses.of, Notify: n.membersNews, Log: n.cfg.Log,
		Clock:    func() record.Stamp { return record.StampAt(time.Now()) },
		Detector: liveness.Config{Incarnation: n.belongs.Starts, Nonce: nonce(n.started), Down: n.cfg.DownAfter, Suspect: n.cfg.DownAfter / 2},
	})
	if err != nil {
		return err
	}
	n.steward, n.scrubber = newSteward(n), newScrubber(n)
	n.join(h)
	if n.cfg.Passing {
		return nil // what it says of itself is for the node that runs here at other times
	}
	n.running.Go(func() { n.steward.run(n.ctx) })
	n.running.Go(func() { n.scrubber.run(n.ctx) })
	n.doubtful.Store(n.journal.Moved() || n.cfg.Join == "" && n.lost()) // one who joins does not know the others yet
	n.running.Go(n.begin)
	return nil
}

// join has the node speak through a host.
func (n *Node) join(h network.Host) {
	n.server = serve.New(serve.Config{
		Library: n.store, Board: n.board, Tracker: n.tracker, AddrsOf: h.AddrsOf,
		UploadLimit: n.cfg.UploadLimit, Sent: n.traffic.sent, Log: n.cfg.Log,
	})
	n.engine = fetch.New(fetch.Config{
		Dial: n.dialSource, Learn: n.learn, Received: n.traffic.received, Self: h.ID(),
		Board: n.board, Bans: new(transfer.Bans), Log: n.cfg.Log,
	})
	h.Handle(wire.ChunkProtocol, n.gated(func(s network.Stream) { n.server.Serve(n.ctx, s) }))
	h.Handle(wire.FindProtocol, n.gated(n.serveFind))
	h.Handle(wire.LogProtocol, n.gated(func(s network.Stream) { n.exchange.Serve(n.ctx, s) }))
	h.Handle(wire.BeatProtocol, n.gated(n.beats.Serve))
	h.Handle(wire.HoldProtocol, n.gated(n.serveHold))
	h.Handle(wire.JoinProtocol, n.serveJoin)
	n.unwatch = h.Watch(n.peerChanged)
	for _, conn := range h.Peers() { // whom it has joined through
		n.peerChanged(network.Change{Peer: conn.Peer, Connected: true})
	}
	n.beats.Enrol(n.here())
	n.running.Go(func() { n.beats.Run(n.ctx) })
	n.keeper = discovery.NewKeeper(h, slices.Concat(n.cfg.Peers, n.sponsors()), n.cfg.Log)
	n.running.Go(func() { n.keeper.Run(n.ctx) })
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
		n.scrubber.found(notice)
	case notice.Kind == disk.Rebuilt && n.steward != nil:
		n.steward.lookAtAll()
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
