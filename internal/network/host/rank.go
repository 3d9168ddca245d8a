package host

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// How long a dial is given before the next address is tried beside it. A dial
// that fails outright lets the next go at once. 250 ms is what RFC 8305
// section 8 advises; nearby, 30 ms is many round trips.
const (
	nearStagger = 30 * time.Millisecond
	farStagger  = 250 * time.Millisecond
)

// rank orders the addresses of a peer for dialling: TCP before QUIC, because
// TLS over TCP carries two to three times as much per core (ADR 3); nearby
// addresses before public ones, because they are the shorter way if they
// answer; and IPv6 before IPv4 as RFC 6724 has it.
func rank(addrs []ma.Multiaddr) []network.AddrDelay {
	sorted := slices.Clone(addrs)
	slices.SortStableFunc(sorted, func(a, b ma.Multiaddr) int {
		return cmp.Or(
			cmp.Compare(transportRank(a), transportRank(b)),
			cmp.Compare(distance(a), distance(b)),
			-cmp.Compare(version(a), version(b)),
		)
	})
	ranked := make([]network.AddrDelay, len(sorted))
	var delay time.Duration
	for i, addr := range sorted {
		ranked[i] = network.AddrDelay{Addr: addr, Delay: delay}
		delay += stagger(addr)
	}
	return ranked
}

func stagger(addr ma.Multiaddr) time.Duration {
	if manet.IsPublicAddr(addr) {
		return farStagger
	}
	return nearStagger
}

// transportRank is 0 for TCP, 1 for QUIC.
func transportRank(addr ma.Multiaddr) int {
	if isQUIC(addr) {
		return 1
	}
	return 0
}

// distance is 0 for this machine, 1 for a private network, 2 for the rest.
func distance(addr ma.Multiaddr) int {
	switch {
	case manet.IsIPLoopback(addr):
		return 0
	case manet.IsPrivateAddr(addr):
		return 1
	}
	return 2
}

// version is 6 for an IPv6 address, 4 for any other.
func version(addr ma.Multiaddr) int {
	if _, err := addr.ValueForProtocol(ma.P_IP6); err == nil {
		return 6
	}
	return 4
}

func isQUIC(addr ma.Multiaddr) bool {
	_, err := addr.ValueForProtocol(ma.P_QUIC_V1)
	return err == nil
}

func isTCP(addr ma.Multiaddr) bool {
	_, err := addr.ValueForProtocol(ma.P_TCP)
	return err == nil
}
