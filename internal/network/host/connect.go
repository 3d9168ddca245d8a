package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	libp2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"shoal"
	"shoal/internal/network"
)

// How long addresses are remembered: those a person or a connection vouches
// for, and those that peers told.
const (
	connectTTL = time.Hour
	learnTTL   = 10 * time.Minute
)

// maxLearned is the most addresses of one peer that one Learn takes.
const maxLearned = 16

// Connect makes sure there is a connection to the node at addr: a multiaddr,
// or HOST:PORT. Without /p2p/<id> in it, whoever is there is the node meant.
// It forgets earlier failures to dial that node. It returns once the peer has
// proved its id, which is not yet to say that it accepts ours.
func (h *Host) Connect(ctx context.Context, addr string) (shoal.NodeID, error) {
	at, id, err := h.whereAndWho(ctx, addr)
	if err == nil {
		err = h.dial(ctx, id, at)
	}
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", addr, err)
	}
	return shoal.NodeID(id.String()), nil
}

// CheckAddr is shoal.Usage for what Connect takes for no address.
func CheckAddr(text string) error {
	if _, _, err := parseTarget(text); err != nil {
		return fmt.Errorf("%q is no address of a node: %w: %w", text, err, shoal.Usage)
	}
	return nil
}

// whereAndWho reads an address, and asks there for the id if it has none.
func (h *Host) whereAndWho(ctx context.Context, text string) (ma.Multiaddr, peer.ID, error) {
	addr, id, err := parseTarget(text)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	if id == "" {
		id, err = h.askID(ctx, addr)
	}
	if err == nil && id == h.stack.swarm.LocalPeer() {
		err = fmt.Errorf("this is the node itself: %w", shoal.Usage)
	}
	return addr, id, err
}

// parseTarget reads what a person may say of where a node is.
func parseTarget(text string) (ma.Multiaddr, peer.ID, error) {
	if !strings.HasPrefix(text, "/") {
		addr, err := fromHostPort(text)
		return addr, "", err
	}
	addr, id, err := parseAddr(text)
	if err != nil {
		return nil, "", err
	}
	if !speakable(addr) {
		return nil, "", errors.New("not an IP or DNS name with /tcp/PORT or /udp/PORT/quic-v1")
	}
	if id == "" && !isTCP(addr) {
		return nil, "", errors.New("without /p2p/ID only /tcp can be dialled")
	}
	return addr, id, nil
}

// dial connects to a peer unless it is connected.
func (h *Host) dial(ctx context.Context, id peer.ID, addr ma.Multiaddr) error {
	if err := h.refused(ctx, id, addr); err != nil {
		return err
	}
	h.stack.swarm.Peerstore().AddAddr(id, addr, connectTTL)
	h.stack.swarm.Backoff().Clear(id)
	if _, err := h.stack.swarm.DialPeer(ctx, id); err != nil {
		return unreachable(err)
	}
	return nil
}

// refused is network.ErrRefused if nobody listens at a TCP address. That is known
// at once, and says that a process is gone; libp2p would first try for seconds
// whether the peer answers over QUIC, where nobody says no.
func (h *Host) refused(ctx context.Context, id peer.ID, addr ma.Multiaddr) error {
	if h.stack.swarm.Connectedness(id) == libp2p.Connected {
		return nil
	}
	kind, at, err := manet.DialArgs(addr)
	if err != nil || !strings.HasPrefix(kind, "tcp") {
		return nil //nolint:nilerr // not TCP, so it cannot be known
	}
	ctx, cancel := context.WithTimeout(ctx, refusalTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, kind, at)
	if err == nil {
		return conn.Close()
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s: %w", addr, network.ErrRefused)
	}
	return nil
}

// refusalTimeout is how long a machine has to refuse.
const refusalTimeout = time.Second

// Learn remembers addresses of a peer that another told us: numeric ones, for a
// name would have our own resolver asked, and could stand for this machine; and
// loopback only if the other is on this machine too, or we are on no other.
func (h *Host) Learn(teller, node shoal.NodeID, addrs []string) {
	id, err := peer.Decode(string(node))
	if err != nil || id == h.stack.swarm.LocalPeer() {
		return
	}
	loopback := h.local || h.near(teller)
	var good []ma.Multiaddr
	for _, text := range addrs[:min(len(addrs), maxLearned)] {
		if addr, ok := foreign(text, id, loopback); ok {
			good = append(good, addr)
		}
	}
	h.stack.swarm.Peerstore().AddAddrs(id, good, learnTTL)
}

// Open opens a stream. Nothing is sent before the first Read or Write, and no
// round trip is spent on agreeing on the protocol.
func (h *Host) Open(ctx context.Context, node shoal.NodeID, name string) (network.Stream, error) {
	id, err := peer.Decode(string(node))
	if err != nil {
		return nil, fmt.Errorf("open stream to %q, which is no node id: %w", node, shoal.Network)
	}
	stream, err := h.stack.swarm.NewStream(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("open stream to %s: %w", node.Short(), unreachable(err))
	}
	if err := stream.SetProtocol(protocol.ID(name)); err != nil {
		_ = stream.Reset()
		return nil, fmt.Errorf("open stream to %s: %w: %w", node.Short(), err, shoal.Network)
	}
	return opened(stream, protocol.ID(name)), nil
}

// unreachable turns the failure to dial a peer into one sentence, with the
// reason for each of the addresses tried, as a shoal.Network error.
func unreachable(err error) error {
	dial, ok := errors.AsType[*swarm.DialError](err)
	if !ok {
		return fmt.Errorf("%w: %w", err, shoal.Network)
	}
	var reasons []string
	for _, failure := range dial.DialErrors {
		if wrong, ok := errors.AsType[sec.ErrPeerIDMismatch](failure.Cause); ok {
			reasons = append(reasons, fmt.Sprintf("%s is another node, %s", failure.Address, wrong.Actual))
			continue
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", failure.Address, innermost(failure.Cause)))
	}
	if len(reasons) == 0 {
		return fmt.Errorf("%w: %w", dial.Cause, shoal.Network)
	}
	return fmt.Errorf("%s: %w", strings.Join(reasons, "; "), shoal.Network)
}

// innermost is the cause at the bottom of a chain: "connection refused" rather
// than the names of the functions it went through.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
