package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"shoal"
)

// DefaultPort is where a node listens, TCP and UDP, if it is not told.
const DefaultPort = 4001

// everywhere is what an empty host stands for.
func everywhere() []netip.Addr { return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} }

// swarmListener is what listening needs of a swarm.
type swarmListener interface {
	AddListenAddr(addr ma.Multiaddr) error
}

// listener listens. Where any port will do it tries the one of last time first,
// and notes the one it got.
type listener struct {
	swarm swarmListener
	last  map[string]uint16 // as Config.Ports
	got   map[string]uint16
}

// listen makes the swarm listen on each of texts (see Config.Listen). It
// returns a notice if it is not quite what was asked for, for the log.
func (l *listener) listen(ctx context.Context, texts []string) (notice string, err error) {
	if len(texts) == 0 {
		return l.listenByDefault()
	}
	for _, text := range texts {
		if err := l.listenOn(ctx, text); err != nil {
			return "", fmt.Errorf("listen on %s: %w", text, withListenHint(err))
		}
	}
	return "", nil
}

// anyPort is the port to take where any will do: the one that text, an entry of
// Config.Listen, had last time, unless somebody else has it now.
func (l *listener) anyPort(text string, ips []netip.Addr) (port uint16, err error) {
	if port = l.last[text]; port == 0 || busy(ips, port) {
		if port, err = freePort(ips); err != nil {
			return 0, err
		}
	}
	l.got[text] = port
	return port, nil
}

func withListenHint(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return shoal.WithHint(err, "another program, perhaps another node, has that port: choose one with --listen HOST:PORT, port 0 for any")
	}
	return err
}

// listenByDefault takes DefaultPort, or one of its own if that was busy once:
// others know it by that.
func (l *listener) listenByDefault() (notice string, err error) {
	ips := usable(everywhere())
	usual, port := cmp.Or(l.last[""], DefaultPort), uint16(DefaultPort)
	if usual != DefaultPort || busy(ips, port) {
		if port, err = l.anyPort("", ips); err != nil {
			return "", err
		}
	}
	if port != usual {
		notice = fmt.Sprintf("port %d is busy; listening on %d from now on", usual, port)
	}
	return notice, l.listenBoth(ips, port)
}

// listenOn serves one address of a configuration.
func (l *listener) listenOn(ctx context.Context, text string) error {
	if strings.HasPrefix(text, "/") {
		return l.listenAt(text)
	}
	ips, port, err := resolveHostPort(ctx, text)
	if err == nil && port == 0 {
		port, err = l.anyPort(text, ips)
	}
	if err != nil {
		return err
	}
	return l.listenBoth(ips, port)
}

// listenAt serves one that is a multiaddr.
func (l *listener) listenAt(text string) error {
	addr, err := parseListen(text)
	if err != nil {
		return err
	}
	if port(addr) == 0 {
		ip, err := manet.ToIP(addr)
		if err != nil {
			return fmt.Errorf("%w: %w", err, shoal.Usage)
		}
		own, _ := netip.AddrFromSlice(ip)
		free, err := l.anyPort(text, []netip.Addr{own.Unmap()})
		if err != nil {
			return err
		}
		at := tcpAddr
		if isQUIC(addr) {
			at = quicAddr
		}
		addr = at(own.Unmap(), free)
	}
	return l.swarm.AddListenAddr(addr)
}

// parseListen reads a multiaddr to listen on: an IP with TCP or QUIC.
func parseListen(text string) (ma.Multiaddr, error) {
	addr, id, err := parseAddr(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	_, byIPv4 := addr.ValueForProtocol(ma.P_IP4)
	_, byIPv6 := addr.ValueForProtocol(ma.P_IP6)
	if id != "" || byIPv4 != nil && byIPv6 != nil || !isTCP(addr) && !isQUIC(addr) {
		return nil, fmt.Errorf("not /ip4 or /ip6 with /tcp/PORT or /udp/PORT/quic-v1: %w", shoal.Usage)
	}
	return addr, nil
}

// resolveHostPort reads HOST:PORT, where HOST is an IP, a name, or empty for
// every address of this machine.
func resolveHostPort(ctx context.Context, text string) ([]netip.Addr, uint16, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("%q is not a port: %w", portText, shoal.Usage)
	}
	if host == "" {
		return usable(everywhere()), uint16(port), nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", err, shoal.Network)
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return ips, uint16(port), nil
}

// listenBoth listens on TCP and on QUIC at the same port of every ip.
func (l *listener) listenBoth(ips []netip.Addr, port uint16) error {
	for _, ip := range ips {
		for _, addr := range []ma.Multiaddr{tcpAddr(ip, port), quicAddr(ip, port)} {
			if err := l.swarm.AddListenAddr(addr); err != nil {
				return err
			}
		}
	}
	return nil
}

func tcpAddr(ip netip.Addr, port uint16) ma.Multiaddr {
	return ma.StringCast(fmt.Sprintf("/%s/%s/tcp/%d", family(ip), ip, port))
}

func quicAddr(ip netip.Addr, port uint16) ma.Multiaddr {
	return ma.StringCast(fmt.Sprintf("/%s/%s/udp/%d/quic-v1", family(ip), ip, port))
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "ip4"
	}
	return "ip6"
}

// usable leaves out the addresses of a family that this machine does not have.
func usable(ips []netip.Addr) []netip.Addr {
	var good []netip.Addr
	for _, ip := range ips {
		if occupied(ip, 0) == nil {
			good = append(good, ip)
		}
	}
	return good
}

// busy reports whether someone has the port, TCP or UDP, on one of ips.
func busy(ips []netip.Addr, port uint16) bool {
	for _, ip := range ips {
		if occupied(ip, port) != nil {
			return true
		}
	}
	return false
}

// occupied is why TCP and UDP cannot both be listened on at ip and port.
func occupied(ip netip.Addr, port uint16) error {
	tcp, err := net.ListenTCP(suffixed("tcp", ip), net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
	if err != nil {
		return err
	}
	defer tcp.Close()
	udp, err := net.ListenUDP(suffixed("udp", ip), net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
	if err != nil {
		return err
	}
	return udp.Close()
}

// suffixed keeps an IPv6 socket from taking the IPv4 port as well.
func suffixed(network string, ip netip.Addr) string {
	if ip.Is4() {
		return network + "4"
	}
	return network + "6"
}

// freePort finds a port that is free for TCP and UDP on every ip. Someone may
// take it before it is used; then listening fails and says so.
func freePort(ips []netip.Addr) (uint16, error) {
	const tries = 16
	for range tries {
		probe, err := net.ListenTCP(suffixed("tcp", ips[0]), net.TCPAddrFromAddrPort(netip.AddrPortFrom(ips[0], 0)))
		if err != nil {
			return 0, err
		}
		port := probe.Addr().(*net.TCPAddr).AddrPort().Port()
		_ = probe.Close()
		if !busy(ips, port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port on %v: none in %d tries: %w", ips, tries, syscall.EADDRINUSE)
}
