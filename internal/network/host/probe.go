package host

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	multistream "github.com/multiformats/go-multistream"

	"shoal"
)

// probeTimeout bounds the asking of one node for its id.
const probeTimeout = 10 * time.Second

// errSeen ends a handshake that has told what it was for.
var errSeen = errors.New("certificate seen")

// fromHostPort is the TCP multiaddr of HOST:PORT; HOST may be a name.
func fromHostPort(text string) (ma.Multiaddr, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 || host == "" {
		return nil, fmt.Errorf("%q is not HOST:PORT", text)
	}
	kind := "dns"
	if ip := net.ParseIP(host); ip != nil {
		if kind = "ip6"; ip.To4() != nil {
			kind = "ip4"
		}
	}
	return ma.NewMultiaddr(fmt.Sprintf("/%s/%s/tcp/%d", kind, host, port))
}

// askID finds out which node is at a TCP address. It begins the handshake of
// a connection and breaks off when the other side has shown its certificate,
// before this side shows its own: so the peer never sees a connection that is
// none. What is learnt is a claim; dialling that id proves it.
func (h *Host) askID(ctx context.Context, addr ma.Multiaddr) (peer.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	network, hostPort, err := manet.DialArgs(addr)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, hostPort)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, shoal.Network)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	id, err := shownID(ctx, conn)
	if err != nil {
		return "", shoal.WithHint(fmt.Errorf("what listens there is no node: %w: %w", err, shoal.Network),
			"give a node's HOST:PORT or its address with /p2p/ID; shoal status prints them")
	}
	return id, nil
}

// shownID is the id in the certificate that the server at the other end of
// conn shows.
func shownID(ctx context.Context, conn net.Conn) (peer.ID, error) {
	if _, err := multistream.SelectOneOf([]string{libp2ptls.ID}, conn); err != nil {
		return "", err
	}
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return "", err
	}
	throwaway, err := libp2ptls.NewIdentity(key)
	if err != nil {
		return "", err
	}
	config, shown := throwaway.ConfigForPeer("")
	check := config.VerifyPeerCertificate
	config.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
		if err := check(raw, chains); err != nil {
			return err
		}
		return errSeen
	}
	if err := tls.Client(conn, config).HandshakeContext(ctx); !errors.Is(err, errSeen) {
		return "", errors.Join(err, errors.New("handshake ended early"))
	}
	return peer.IDFromPublicKey(<-shown)
}
