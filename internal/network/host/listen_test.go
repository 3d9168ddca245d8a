package host_test

import (
	"crypto/ed25519"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"shoal/internal/network/host"
)

// listening is a host that listens on ports it had before, if it can; close ends
// it.
func listening(t *testing.T, ports map[string]uint16, listen ...string) (h *host.Host, end func()) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if h, err = host.New(t.Context(), host.Config{Identity: key, Listen: listen, Ports: ports}); err != nil {
		t.Fatal(err)
	}
	return h, func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Where any port will do, a node takes the one it had, for others know it by that.
func TestThePortOfLastTimeIsTakenAgain(t *testing.T) {
	for _, listen := range [][]string{{"127.0.0.1:0"}, {":0"}, {"/ip4/127.0.0.1/tcp/0"}, {"/ip4/127.0.0.1/udp/0/quic-v1"}, {"127.0.0.1:0", "/ip4/127.0.0.1/tcp/0"}} {
		first, end := listening(t, nil, listen...)
		ports, addrs := first.Ports(), withoutIDs(first.Addrs())
		end()
		if len(ports) != len(listen) {
			t.Errorf("%v: the ports are %v", listen, ports)
		}
		second, end := listening(t, ports, listen...)
		if got := withoutIDs(second.Addrs()); !slices.Equal(got, addrs) || !maps.Equal(second.Ports(), ports) {
			t.Errorf("%v: it listened on %v, and then on %v", listen, addrs, got)
		}
		end()
	}
}

func withoutIDs(addrs []string) []string {
	for i, addr := range addrs {
		addrs[i], _, _ = strings.Cut(addr, "/p2p/")
	}
	return slices.Sorted(slices.Values(addrs))
}

// What somebody else has is left to him.
func TestAPortThatIsTakenIsNotWaitedFor(t *testing.T) {
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := uint16(other.Addr().(*net.TCPAddr).Port)
	h, end := listening(t, map[string]uint16{"127.0.0.1:0": taken}, "127.0.0.1:0")
	defer end()
	if got := h.Ports()["127.0.0.1:0"]; got == 0 || got == taken {
		t.Errorf("the port is %d, and %d was taken", got, taken)
	}
}

// A port that was asked for is never remembered, nor another taken instead.
func TestAPortThatWasAskedForIsNotRemembered(t *testing.T) {
	first, end := listening(t, nil, "127.0.0.1:0")
	port := first.Ports()["127.0.0.1:0"]
	end()
	listen := "127.0.0.1:" + strconv.Itoa(int(port))
	h, end := listening(t, map[string]uint16{listen: port + 1}, listen)
	defer end()
	if len(h.Ports()) != 0 || !strings.Contains(h.Addrs()[0], strconv.Itoa(int(port))) {
		t.Errorf("%v is listened on, and %v noted", h.Addrs(), h.Ports())
	}
}
