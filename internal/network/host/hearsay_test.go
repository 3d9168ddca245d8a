package host_test

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"testing"

	"shoal"
	"shoal/internal/network"
)

// stranger is the id of a node that does not run.
func stranger(t *testing.T) shoal.NodeID {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return network.NodeIDOf(public)
}

// What a peer says of others does not have us dial ports of this machine, by
// number or by name, unless the peer is on this machine itself.
func TestHearsayDoesNotReachThisMachine(t *testing.T) {
	h := newHost(t, "0.0.0.0:0")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan string, 8) // the callers' addresses, in order
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			accepted <- c.RemoteAddr().String()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	far, near := stranger(t), newHost(t, loopbackTCP)
	if _, err := h.Connect(t.Context(), near.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		teller  shoal.NodeID
		addr    string
		reached bool
	}{
		{far, "/ip4/127.0.0.1/tcp/%d", false},
		{far, "/dns4/localhost/tcp/%d", false},
		{far, "/dns/localhost/tcp/%d", false},
		{near.ID(), "/dns4/localhost/tcp/%d", false},
		{near.ID(), "/ip4/127.0.0.1/tcp/%d", true},
	} {
		ghost := stranger(t)
		h.Learn(c.teller, ghost, []string{fmt.Sprintf(c.addr, port)})
		if _, err := h.Open(t.Context(), ghost, "/x"); err == nil {
			t.Fatal("a stream to a node that does not run")
		}
		// Connections are accepted in the order in which they were made: the host's, if
		// it dialled, before this one.
		last, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		reached := false
		for caller := range accepted {
			if caller == last.LocalAddr().String() {
				break
			}
			reached = true
		}
		last.Close()
		if reached != c.reached {
			t.Errorf("%s as told by %s: dialled %t, want %t", c.addr, c.teller.Short(), reached, c.reached)
		}
		if got := h.AddrsOf(ghost); len(got) != 0 {
			t.Errorf("%s would be passed on: %v", c.addr, got)
		}
	}
}
