// Package host is a network.Host over libp2p: TCP with TLS 1.3 and yamux, or
// QUIC, between nodes named by Ed25519 keys.
//
// It does not find peers, relay, pass through NAT, keep connections up or
// decide who may connect.
package host

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	libp2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	manet "github.com/multiformats/go-multiaddr/net"

	"shoal"
	"shoal/internal/network"
)

// Config is what a host needs to know.
type Config struct {
	// Identity is the node's key; LoadIdentity has it.
	Identity ed25519.PrivateKey

	// Listen has addresses to listen on. HOST:PORT is both TCP and QUIC on
	// that port; HOST may be empty for every address of the machine, and PORT
	// 0 for a free one. A multiaddr, /ip4/.../tcp/PORT or
	// /ip4/.../udp/PORT/quic-v1, is just itself. With none at all it is every
	// address at DefaultPort, or at a free port if that one is busy.
	Listen []string

	// Ports has, for entries of Listen whose port is 0, the one to take if it
	// is free: what Host.Ports gave last time. The entry that is not there,
	// when there are none, is the empty one.
	Ports map[string]uint16

	// UserAgent is told to peers: a name and version, such as shoal/1.2.3.
	UserAgent string

	// Log may be nil.
	Log *slog.Logger
}

// Host is a node's end of the network. See network.Host.
type Host struct {
	stack     *stack
	id        shoal.NodeID
	local     loopbackUse // whether nothing but loopback is listened on
	ports     map[string]uint16
	known     known
	watchers  network.Watchers
	changes   event.Subscription
	serving   serving
	work      sync.WaitGroup // the goroutine that reads changes
	closeOnce func() error
}

var _ network.Host = (*Host)(nil)

// New makes a host and has it listen. ctx bounds the looking up of names in
// config.Listen. Errors are shoal.Usage for malformed addresses.
func New(ctx context.Context, config Config) (*Host, error) {
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	gologshim.SetDefaultHandler(errorsOnly{log.Handler()})

	stack, err := newStack(config.Identity, config.UserAgent)
	if err != nil {
		return nil, fmt.Errorf("start network: %w", err)
	}
	h := &Host{stack: stack, id: network.NodeIDOf(config.Identity.Public().(ed25519.PublicKey))}
	h.closeOnce = sync.OnceValue(h.shut)
	if err := h.start(ctx, config, log); err != nil {
		_ = h.Close()
		return nil, fmt.Errorf("start network: %w", err)
	}
	return h, nil
}

// start begins to watch and to listen.
func (h *Host) start(ctx context.Context, config Config, log *slog.Logger) error {
	news := []any{new(event.EvtPeerConnectednessChanged), new(event.EvtPeerIdentificationCompleted)}
	changes, err := h.stack.bus.Subscribe(news, eventbus.Name("shoal"))
	if err != nil {
		return err
	}
	h.changes = changes
	h.work.Go(h.passOnChanges)
	doors := listener{swarm: h.stack.swarm, last: config.Ports, got: make(map[string]uint16)}
	notice, err := doors.listen(ctx, config.Listen)
	h.ports = doors.got
	if notice != "" {
		log.Warn("listening elsewhere", "why", notice)
	}
	h.local = onlyLoopback(h.stack.swarm.ListenAddresses())
	return err
}

// ID is the node's own id.
func (h *Host) ID() shoal.NodeID { return h.id }

// Ports is, for each entry of Config.Listen that left it open, which port was
// taken.
func (h *Host) Ports() map[string]uint16 { return maps.Clone(h.ports) }

// Addrs is where the node can be reached; 0.0.0.0 and :: stand for the
// addresses that the machine's interfaces have now. The swarm would tell those
// of a minute ago.
func (h *Host) Addrs() []string {
	listening := h.stack.swarm.ListenAddresses()
	addrs, err := manet.ResolveUnspecifiedAddresses(listening, nil)
	if err != nil {
		addrs = listening
	}
	return published(h.stack.swarm.LocalPeer(), addrs)
}

// Handle has every stream that a peer opens for the protocol served.
func (h *Host) Handle(name string, serve func(network.Stream)) {
	h.stack.basic.SetStreamHandler(protocol.ID(name), func(s libp2p.Stream) {
		if !h.serving.begin() {
			_ = s.Reset()
			return
		}
		defer h.serving.end()
		serve(accepted(s))
	})
}

// Close ends all connections and returns when every handler has. It must not
// be called from a handler or from what Watch calls. Calling it again waits
// for the first call and gives what that gave.
func (h *Host) Close() error { return h.closeOnce() }

func (h *Host) shut() error {
	h.serving.stop()
	err := h.stack.close()
	h.serving.wait()
	if h.changes != nil {
		_ = h.changes.Close()
	}
	h.work.Wait()
	h.watchers.Close()
	return err
}

// serving counts the handlers that run, so that Close can wait for them.
type serving struct {
	mu      sync.Mutex // makes "not stopped, so one more" one step
	stopped bool
	running sync.WaitGroup
}

func (s *serving) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.running.Add(1)
	}
	return !s.stopped
}

func (s *serving) end() { s.running.Done() }

func (s *serving) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *serving) wait() { s.running.Wait() }

// errorsOnly is a log handler for libp2p, whose warnings are about strangers'
// mistakes and not for the node's owner.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}

func (h errorsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorsOnly{h.Handler.WithAttrs(attrs)}
}

func (h errorsOnly) WithGroup(name string) slog.Handler {
	return errorsOnly{h.Handler.WithGroup(name)}
}
