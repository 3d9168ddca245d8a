package memnet

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"shoal"
	"shoal/internal/network"
)

// Host is one node's end of the net. See network.Host.
type Host struct {
	net  *Net
	name string
	key  ed25519.PrivateKey
	id   shoal.NodeID

	watchers network.Watchers
	serving  sync.WaitGroup

	mu     sync.Mutex // guards the rest; held for no waiting
	serves map[string]func(network.Stream)
	known  map[shoal.NodeID]string // names of hosts by id, that are or were connected
	told   map[shoal.NodeID]string // and as someone told
	conns  map[shoal.NodeID]*conn
	ends   map[*stream]struct{} // this host's, of streams that are not done here
	closed bool
}

var _ network.Host = (*Host)(nil)

// Key is the host's identity, whose id is its own.
func (h *Host) Key() ed25519.PrivateKey { return h.key }

// ID is the host's id.
func (h *Host) ID() shoal.NodeID { return h.id }

// Addrs is the host's one address.
func (h *Host) Addrs() []string { return []string{"/memory/" + h.name + "/p2p/" + string(h.id)} }

// AddrsOf is the address of a host that is or was connected.
func (h *Host) AddrsOf(peer shoal.NodeID) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name, ok := h.known[peer]; ok {
		return []string{"/memory/" + name + "/p2p/" + string(peer)}
	}
	return nil
}

// Handle has every stream that a peer opens for the protocol served.
func (h *Host) Handle(protocol string, serve func(network.Stream)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serves[protocol] = serve
}

// parse reads an address.
func parse(addr string) (name string, id shoal.NodeID, err error) {
	rest, ok := strings.CutPrefix(addr, "/memory/")
	name, peer, found := strings.Cut(rest, "/p2p/")
	if !ok || !found || name == "" || peer == "" {
		return "", "", fmt.Errorf("%q is not /memory/NAME/p2p/ID: %w", addr, shoal.Usage)
	}
	return name, shoal.NodeID(peer), nil
}

// Learn remembers addresses of a peer that someone told.
func (h *Host) Learn(_, peer shoal.NodeID, addrs []string) {
	for _, addr := range addrs {
		if name, id, err := parse(addr); err == nil && id == peer {
			h.mu.Lock()
			h.told[peer] = name
			h.mu.Unlock()
		}
	}
}

// Connect makes sure there is a connection.
func (h *Host) Connect(ctx context.Context, addr string) (shoal.NodeID, error) {
	name, id, err := parse(addr)
	if err == nil && id == h.id {
		err = fmt.Errorf("this is the node itself: %w", shoal.Usage)
	}
	if err == nil {
		_, err = h.connect(ctx, name, id)
	}
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", addr, err)
	}
	return id, nil
}

func (h *Host) connect(ctx context.Context, name string, id shoal.NodeID) (*conn, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ctx.Err(), shoal.Network)
	}
	if c := h.connTo(id); c != nil {
		return c, nil
	}
	peer := h.net.host(id)
	if peer == nil || peer.name != name {
		return nil, fmt.Errorf("no such node there: %w", shoal.Network)
	}
	if err := h.reach(ctx, peer); err != nil {
		return nil, err
	}
	return h.join(peer)
}

// reach waits for a round trip to a host.
func (h *Host) reach(ctx context.Context, peer *Host) error {
	for _, l := range []*line{h.net.line(h.id, peer.id), h.net.line(peer.id, h.id)} {
		for down, changed := l.state(); down; down, changed = l.state() {
			select {
			case <-changed:
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", ctx.Err(), shoal.Network)
			}
		}
		_, at, _ := l.carry(nil, time.Now())
		sleeper(ctx.Done(), nil, at, time.Now())()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), shoal.Network)
	}
	return nil
}

// join makes the connection, unless one was made meanwhile.
func (h *Host) join(peer *Host) (*conn, error) {
	first, second := h, peer
	if peer.id < h.id {
		first, second = peer, h // always locked in this order
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	if h.closed || peer.closed {
		return nil, network.ErrRefused
	}
	if c := h.conns[peer.id]; c != nil {
		return c, nil
	}
	c := &conn{dialler: h, listener: peer, since: time.Now(), streams: make(map[*stream]struct{})}
	h.conns[peer.id], peer.conns[h.id] = c, c
	h.known[peer.id], peer.known[h.id] = peer.name, h.name
	h.watchers.Tell(network.Change{Peer: peer.id, Connected: true})
	peer.watchers.Tell(network.Change{Peer: h.id, Connected: true})
	return c, nil
}

// Open opens a stream.
func (h *Host) Open(ctx context.Context, id shoal.NodeID, protocol string) (network.Stream, error) {
	c := h.connTo(id)
	if c == nil {
		h.mu.Lock()
		name, known := h.known[id]
		if !known {
			name, known = h.told[id]
		}
		h.mu.Unlock()
		if !known {
			return nil, fmt.Errorf("open stream to %s: no address is known: %w", id.Short(), shoal.Network)
		}
		var err error
		if c, err = h.connect(ctx, name, id); err != nil {
			return nil, fmt.Errorf("open stream to %s: %w", id.Short(), err)
		}
	}
	opened, accepted, peer, ok := c.open(h)
	if !ok {
		return nil, fmt.Errorf("open stream to %s: %w", id.Short(), network.ErrReset)
	}
	peer.accept(accepted, protocol)
	return opened, nil
}

// accept has a stream served, in a goroutine of its own.
func (h *Host) accept(s *stream, protocol string) {
	if err := h.begin(s, protocol); err != nil {
		s.refuse(err)
	}
}

// begin begins to serve a stream, or says why not.
func (h *Host) begin(s *stream, protocol string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	serve := h.serves[protocol]
	switch {
	case h.closed:
		return network.ErrReset
	case serve == nil:
		return network.ErrProtocol
	}
	h.serving.Go(func() { serve(s) })
	return nil
}

func (h *Host) connTo(id shoal.NodeID) *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[id]
}

// Peers lists the connections, in order of id.
func (h *Host) Peers() []network.Conn {
	h.mu.Lock()
	conns := maps.Clone(h.conns)
	h.mu.Unlock()
	peers := make([]network.Conn, 0, len(conns))
	for _, id := range slices.Sorted(maps.Keys(conns)) {
		peers = append(peers, conns[id].describe(h))
	}
	return peers
}

// Watch tells of peers that come and go.
func (h *Host) Watch(notify func(network.Change)) (stop func()) { return h.watchers.Watch(notify) }

// Disconnect ends the connection to a peer. See network.Connector.
func (h *Host) Disconnect(id shoal.NodeID) {
	if c := h.connTo(id); c != nil {
		c.drop()
	}
}

// keep puts one end of a stream on the books.
func (h *Host) keep(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ends[s] = struct{}{}
}

// forget takes it off.
func (h *Host) forget(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ends, s)
}

// remove takes a lost connection off the books.
func (h *Host) remove(c *conn, id shoal.NodeID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[id] == c {
		delete(h.conns, id)
		h.watchers.Tell(network.Change{Peer: id})
	}
}

// Close breaks all connections and returns when every handler has.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	conns, ends := slices.Collect(maps.Values(h.conns)), slices.Collect(maps.Keys(h.ends))
	h.mu.Unlock()
	for _, c := range conns {
		c.drop()
	}
	for _, s := range ends {
		s.in.fail(network.ErrReset) // also where the end is still on its way, over a link that is down
	}
	h.serving.Wait()
	h.watchers.Close()
	return nil
}
