package membership_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/catalog/exchange"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/membership/heartbeat"
	"shoal/internal/membership/join"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/memnet"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// member is a node with no other chapters than membership needs.
type member struct {
	*membership.Council

	t       *testing.T
	cfg     membership.Config
	host    *memnet.Host
	journal *journal.Journal
	copies  *copies
	book    *book
	beats   *heartbeat.Runner
	log     *exchange.Exchange // nil before it is open
	stop    func()
	begun   chan struct{} // closed when it may speak

	mu     sync.Mutex
	met    []shoal.NodeID
	voided int
	name   string
}

// copies is what a test says of the copies.
type copies struct {
	safe, settled bool
	err           error
	looks         int
}

func (c *copies) Safe(context.Context) (safe, settled bool, err error) {
	return c.safe, c.settled, c.err
}
func (c *copies) Excused(shoal.NodeID) time.Time { return time.Time{} }
func (c *copies) Free() (int64, error)           { return 77, nil }
func (c *copies) Look()                          { c.looks++ }

// book is an address book in memory.
type book struct {
	mu    sync.Mutex
	addrs map[shoal.NodeID][]string
	saved int
}

func (b *book) Of(id shoal.NodeID) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addrs[id]
}

func (b *book) Nodes() []shoal.NodeID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.addrs))
}

func (b *book) Note(id shoal.NodeID, addrs []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs[id] = addrs
}

func (b *book) Keep(wanted func(shoal.NodeID) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.addrs, func(id shoal.NodeID, _ []string) bool { return !wanted(id) })
}

func (b *book) SaveInTime() {}
func (b *book) Save()       { b.saved++ }

// lab is the network that the members of a test are on.
type lab struct {
	t   *testing.T
	net *memnet.Net
}

// virtually runs a test in the fake time of testing/synctest.
func virtually(t *testing.T, test func(*testing.T, lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, lab{t, memnet.New(1)}) })
}

// config is the configuration of a member with a name, in an empty folder.
func (l lab) config(name string) membership.Config {
	folder := l.t.TempDir()
	return membership.Config{
		Data: folder, Journal: filepath.Join(folder, "journal.db"), Key: l.net.Host(name + "'s key").Key(), Log: slog.New(slog.DiscardHandler),
		Addresses: &book{addrs: make(map[shoal.NodeID][]string)},
		Stores:    func(context.Context) (bool, error) { return false, nil }, Forget: func() error { return errors.New("it is kept") },
	}
}

// found starts a node that founds a shoal.
func (l lab) found(name string) *member { return l.start(name, l.config(name)) }

// joins starts a node that joins the shoal of another.
func (l lab) joins(name string, through *member) *member {
	l.t.Helper()
	cfg := l.config(name)
	cfg.Join = through.ticket()
	m := l.start(name, cfg)
	select {
	case <-m.Joined():
	case <-time.After(time.Minute):
		l.t.Fatalf("%s has not joined", name)
	}
	return m
}

func (m *member) ticket() string {
	m.t.Helper()
	made, err := m.Invite(m.t.Context(), shoal.InviteRequest{})
	if err != nil {
		m.t.Fatal(err)
	}
	return made.Ticket
}

// start starts a node that can be reached at its name.
func (l lab) start(name string, cfg membership.Config) *member {
	l.t.Helper()
	m, err := l.open(name, cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	m.run()
	return m
}

// open is a node that does nothing yet.
func (l lab) open(name string, cfg membership.Config) (*member, error) {
	m := &member{t: l.t, cfg: cfg, copies: &copies{safe: true}, begun: make(chan struct{}), name: name}
	m.book, _ = cfg.Addresses.(*book)
	m.host = l.net.HostOf(name, cfg.Key)
	cfg.Listen = func(context.Context) (join.Host, error) { return m.host, nil }
	cfg.Ask = m.ask
	opened, err := membership.Open(l.t.Context(), cfg)
	if err != nil {
		return nil, errors.Join(err, m.host.Close())
	}
	apply := opened.Heard
	m.journal, err = journal.Open(l.t.Context(), cfg.Journal, journal.Config{
		Shoal: opened.Folder().Shoal, Key: cfg.Key, Now: time.Now, Admits: opened.Hears, Ready: opened.MaySpeak,
		Apply: func(items []journal.Item) { m.heard(apply, items) },
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := opened.Load(l.t.Context(), m.journal); err != nil {
		return nil, errors.Join(err, m.journal.Close(), m.host.Close())
	}
	m.log = exchange.New(m.host, m.journal, nil)
	m.Council = m.council(opened)
	return m, nil
}

// heard is told of what the journal has taken in.
func (m *member) heard(apply func([]journal.Item) bool, items []journal.Item) {
	news := apply(items)
	if m.log != nil {
		m.log.News(items)
		if news {
			m.log.Admitted()
		}
	}
}

func (m *member) council(opened *membership.Membership) *membership.Council {
	var err error
	m.beats, err = heartbeat.New(heartbeat.Config{
		Host: m.host, Key: m.cfg.Key, AddrsOf: opened.AddrsOf, Notify: func(liveness.Action) {},
		Clock: func() record.Stamp { return record.StampAt(time.Now()) }, Detector: liveness.Config{Incarnation: opened.Folder().Starts},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return membership.NewCouncil(opened, membership.Parts{
		Host: m.host, Journal: m.journal, Beats: m.beats, Exchange: m.log, Copies: m.copies,
		Place: m.place, Addrs: m.host.Addrs, Begun: func(context.Context) { close(m.begun) },
		Met: func(id shoal.NodeID) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.met = append(m.met, id)
		},
		Voids: func(_ context.Context, items []journal.Item) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.voided += len(items)
			return nil
		},
	})
}

func (m *member) place() roster.Self {
	m.mu.Lock()
	defer m.mu.Unlock()
	return roster.Self{Name: m.name, Allotment: 1, Addrs: m.host.Addrs()}
}

// run has a node do what it does, until the test ends or it is stopped.
func (m *member) run() {
	ctx, cancel := context.WithCancel(context.Background())
	m.host.Handle(wire.LogProtocol, m.Gate(ctx, func(s network.Stream) { m.log.Serve(ctx, s) }))
	m.host.Handle(wire.BeatProtocol, m.Gate(ctx, m.beats.Serve))
	m.host.Handle(wire.FindProtocol, m.Gate(ctx, answer))
	m.host.Handle(wire.JoinProtocol, func(s network.Stream) { m.ServeJoin(ctx, s) })
	unwatch := m.host.Watch(func(c network.Change) {
		if !c.Connected {
			m.log.Drop(c.Peer)
		}
		m.PeerChanged(c)
	})
	var running sync.WaitGroup
	running.Go(func() { m.beats.Run(ctx) })
	running.Go(func() { m.Run(ctx) })
	for _, addr := range m.Sponsors() {
		running.Go(func() { _, _ = m.host.Connect(ctx, addr) })
	}
	m.stop = sync.OnceFunc(func() {
		cancel()
		unwatch()
		m.log.Close()
		err := m.host.Close()
		running.Wait()
		if err := errors.Join(err, m.journal.Close()); err != nil {
			m.t.Error(err)
		}
	})
	m.t.Cleanup(m.stop)
}

// answer answers a question with nothing.
func answer(s network.Stream) {
	_, _ = s.Write(wire.Found{}.Append(nil)) // the asker may be gone
	_ = s.Close()
}

// ask asks a peer for nothing, and reports whether it is turned away.
func (m *member) ask(ctx context.Context, peer shoal.NodeID) error {
	s, err := m.host.Open(ctx, peer, wire.FindProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	h, err := wire.ReadHeader(s, new([wire.HeaderSize]byte))
	if err == nil && h.Type == wire.TypeGoodbye {
		return fmt.Errorf("turned away: %w", shoal.Unauthorised)
	}
	return err
}

// within waits until something is so.
func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); <-time.After(20 * time.Millisecond) {
		if time.Since(began) > limit {
			t.Fatalf("in %v it did not come about that %s", limit, what)
		}
	}
}

// idOf is the id of a key.
func idOf(key ed25519.PrivateKey) shoal.NodeID {
	return record.NodeOf(key.Public().(ed25519.PublicKey))
}
