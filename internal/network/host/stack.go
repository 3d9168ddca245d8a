package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/sec"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/quic-go/quic-go"
)

// Bounds on what the address book remembers of what others say.
const (
	maxKnownAddrs   = 16 << 10
	maxAddrsPerPeer = 64
)

// stack is libp2p, put together by hand rather than by libp2p.New: what is not
// named here is not linked in, opens no port and asks nobody on the Internet.
type stack struct {
	basic *basichost.BasicHost
	swarm *swarm.Swarm
	bus   event.Bus
	quic  *quicreuse.ConnManager
}

func newStack(identity ed25519.PrivateKey, userAgent string) (*stack, error) {
	key, _, err := crypto.KeyPairFromStdKey(&identity)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	resources, err := newResources()
	if err != nil {
		return nil, err
	}
	s := &stack{bus: eventbus.NewBus()}
	if s.swarm, err = newSwarm(key, resources, s.bus); err != nil {
		return nil, err
	}
	if err := s.addTransports(key, resources); err != nil {
		return nil, errors.Join(err, s.swarm.Close())
	}
	if err := s.addServices(userAgent); err != nil {
		return nil, errors.Join(err, s.swarm.Close(), s.quic.Close())
	}
	return s, nil
}

func newSwarm(key crypto.PrivKey, resources network.ResourceManager, bus event.Bus) (*swarm.Swarm, error) {
	book, err := newBook(key)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return swarm.NewSwarm(id, book, bus,
		swarm.WithResourceManager(resources),
		swarm.WithDialRanker(rank),
		// The detectors of black holes learn from thousands of dials to
		// strangers; here a few failures must not stop all dialling over IPv6.
		swarm.WithUDPBlackHoleSuccessCounter(nil),
		swarm.WithIPv6BlackHoleSuccessCounter(nil),
	)
}

func newBook(key crypto.PrivKey) (peerstore.Peerstore, error) {
	book, err := pstoremem.NewPeerstore(
		pstoremem.WithMaxAddresses(maxKnownAddrs),
		pstoremem.WithMaxAddressesPerPeer(maxAddrsPerPeer),
	)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return book, errors.Join(book.AddPrivKey(id, key), book.AddPubKey(id, key.GetPublic()))
}

func (s *stack) addTransports(key crypto.PrivKey, resources network.ResourceManager) error {
	muxers := []upgrader.StreamMuxer{muxer()}
	security, err := libp2ptls.New(libp2ptls.ID, key, muxers)
	if err != nil {
		return err
	}
	upgrade, err := upgrader.New([]sec.SecureTransport{newGathering(security)}, muxers, nil, resources, nil)
	if err != nil {
		return err
	}
	// Sharing a port with SO_REUSEPORT is off: a second node of the same user
	// would silently get half of the first one's connections.
	overTCP, err := tcp.NewTCPTransport(upgrade, resources, nil, tcp.DisableReuseport())
	if err != nil {
		return err
	}
	if s.quic, err = newQUIC(resources); err != nil {
		return err
	}
	overQUIC, err := libp2pquic.NewTransport(key, s.quic, nil, nil, resources)
	if err != nil {
		return err
	}
	return errors.Join(s.swarm.AddTransport(overTCP), s.swarm.AddTransport(overQUIC))
}

// newQUIC makes the sockets' owner. An incoming connection is counted before
// its handshake, and has to prove its address when there are many.
func newQUIC(resources network.ResourceManager) (*quicreuse.ConnManager, error) {
	var resetKey quic.StatelessResetKey
	var tokenKey quic.TokenGeneratorKey
	if _, err := io.ReadFull(rand.Reader, resetKey[:]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(rand.Reader, tokenKey[:]); err != nil {
		return nil, err
	}
	// quic-go prints to the standard logger, at each start, that the system's
	// UDP buffers are small, which they are on most; this is its only switch.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return nil, err
	}
	return quicreuse.NewConnManager(resetKey, tokenKey,
		quicreuse.VerifySourceAddress(resources.VerifySourceAddress),
		quicreuse.ConnContext(func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
			addr, err := quicreuse.ToQuicMultiaddr(client.RemoteAddr, quic.Version1)
			if err != nil {
				return ctx, err
			}
			scope, err := resources.OpenConnection(network.DirInbound, false, addr)
			if err != nil {
				return ctx, err
			}
			context.AfterFunc(ctx, scope.Done)
			return network.WithConnManagementScope(ctx, scope), nil
		}),
	)
}

// addServices adds what listens to the swarm: identify, by which peers learn
// each other's addresses, ping, and the closing of surplus connections.
func (s *stack) addServices(userAgent string) error {
	connections, err := connmgr.NewConnManager(lowConns, highConns)
	if err != nil {
		return err
	}
	s.basic, err = basichost.NewHost(s.swarm, &basichost.HostOpts{
		EventBus:    s.bus,
		ConnManager: connections,
		EnablePing:  true,
		UserAgent:   userAgent,
	})
	if err != nil {
		return errors.Join(err, connections.Close())
	}
	s.basic.Start()
	return nil
}

// close ends all connections and listeners.
func (s *stack) close() error {
	return errors.Join(s.basic.Close(), s.quic.Close())
}
