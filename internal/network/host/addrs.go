package host

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxAddrLength is the most bytes an address as text may have: a DNS name of
// 253 octets (RFC 1035) and all that goes around it fit.
const maxAddrLength = 512

// published is what to tell others of the addresses this node listens on, the
// ones to try first at the front: other machines' ways in before loopback,
// and TCP before QUIC.
func published(self peer.ID, listening []ma.Multiaddr) []string {
	addrs := slices.DeleteFunc(slices.Clone(listening), func(addr ma.Multiaddr) bool {
		return manet.IsIPUnspecified(addr) || linkLocal(addr)
	})
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int {
		return cmp.Or(
			cmp.Compare(loopbackRank(a), loopbackRank(b)),
			cmp.Compare(transportRank(a), transportRank(b)),
			cmp.Compare(version(a), version(b)),
		)
	})
	texts := make([]string, len(addrs))
	for i, addr := range addrs {
		texts[i] = fmt.Sprintf("%s/p2p/%s", addr, self)
	}
	return slices.Compact(texts)
}

func loopbackRank(addr ma.Multiaddr) int {
	if manet.IsIPLoopback(addr) {
		return 1
	}
	return 0
}

// loopbackUse says whether addresses of this very machine make sense.
type loopbackUse bool

// foreign reads an address of a peer's that someone told us. It reports false
// for what is malformed or a name, is for another peer, could reach nothing or
// nothing but us, or is of a transport we do not speak. The /p2p part is cut off.
func foreign(text string, of peer.ID, loopback loopbackUse) (ma.Multiaddr, bool) {
	addr, id, err := parseAddr(text)
	if err != nil || id != "" && id != of || !speakable(addr) || !numeric(addr) {
		return nil, false
	}
	if manet.IsIPLoopback(addr) {
		return addr, bool(loopback)
	}
	return addr, true
}

// parseAddr reads a multiaddr and takes its /p2p part off; the id is empty if
// it has none.
func parseAddr(text string) (ma.Multiaddr, peer.ID, error) {
	if len(text) > maxAddrLength {
		return nil, "", fmt.Errorf("address is longer than %d bytes", maxAddrLength)
	}
	full, err := ma.NewMultiaddr(text)
	if err != nil {
		return nil, "", err
	}
	addr, id := peer.SplitAddr(full)
	if addr == nil {
		return nil, "", fmt.Errorf("address %s has no way to get there", text)
	}
	return addr, id, nil
}

// speakable reports whether addr is /ip4, /ip6 or a DNS name, a host that
// could be dialled, and /tcp or /udp/quic-v1 with a port, and no more.
func speakable(addr ma.Multiaddr) bool {
	codes := make([]int, 0, 3)
	for _, part := range addr {
		codes = append(codes, part.Protocol().Code)
	}
	if len(codes) == 0 || !dialableHost(addr) {
		return false
	}
	tail := codes[1:]
	return (slices.Equal(tail, []int{ma.P_TCP}) || slices.Equal(tail, []int{ma.P_UDP, ma.P_QUIC_V1})) && port(addr) != 0
}

// numeric reports whether a speakable address needs no looking up.
func numeric(addr ma.Multiaddr) bool {
	code := addr[0].Protocol().Code
	return code == ma.P_IP4 || code == ma.P_IP6
}

func dialableHost(addr ma.Multiaddr) bool {
	switch addr[0].Protocol().Code {
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
		return true
	case ma.P_IP4, ma.P_IP6:
		ip, ok := netip.AddrFromSlice(addr[0].RawValue())
		return ok && dialableIP(ip.Unmap())
	}
	return false
}

func dialableIP(ip netip.Addr) bool {
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast() && ip != broadcast
}

func linkLocal(addr ma.Multiaddr) bool {
	ip, err := manet.ToIP(addr)
	return err == nil && ip.IsLinkLocalUnicast()
}

// port is the TCP or UDP port of addr, or 0.
func port(addr ma.Multiaddr) uint16 {
	for _, code := range []int{ma.P_TCP, ma.P_UDP} {
		if text, err := addr.ValueForProtocol(code); err == nil {
			n, _ := strconv.ParseUint(text, 10, 16)
			return uint16(n)
		}
	}
	return 0
}
