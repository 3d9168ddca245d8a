package networktest

import (
	"context"
	"io"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/network"
)

func runConnections(t *testing.T, pair Pair) {
	all(t, pair, map[string]func(*testing.T, network.Host, network.Host){
		"ConnectTwice":    testConnectTwice,
		"ConnectNoAddr":   testConnectNoAddr,
		"ConnectSelf":     testConnectSelf,
		"ConnectWrongID":  testConnectWrongID,
		"ConnectGivenUp":  testConnectGivenUp,
		"OpenUnknownPeer": testOpenUnknownPeer,
		"LearnThenOpen":   testLearnThenOpen,
		"LearnForeign":    testLearnForeign,
		"Peers":           testPeers,
		"Watch":           testWatch,
		"WatchStopped":    testWatchStopped,
		"Disconnect":      testDisconnect,
		"CloseEndsAll":    testCloseEndsAll,
		"ClosedHost":      testClosedHost,
	})
}

func testConnectTwice(t *testing.T, a, b network.Host) {
	connect(t, a, b)
	connect(t, a, b)
	if n := len(a.Peers()); n != 1 {
		t.Errorf("connecting twice makes %d peers", n)
	}
}

func testConnectNoAddr(t *testing.T, a, _ network.Host) {
	for _, text := range []string{"", "nowhere", "/", "/ip4/127.0.0.1", "/p2p/12D3KooWGarbage", "host:0", "host:port", ":"} {
		if _, err := a.Connect(patient(t), text); shoal.CodeOf(orNil(err)) != shoal.Usage {
			t.Errorf("connecting to %q gives %v", text, err)
		}
	}
}

// orNil lets CodeOf take an error that should be there.
func orNil(err error) error {
	if err == nil {
		return shoal.Other
	}
	return err
}

func testConnectSelf(t *testing.T, a, _ network.Host) {
	if _, err := a.Connect(patient(t), a.Addrs()[0]); shoal.CodeOf(orNil(err)) != shoal.Usage {
		t.Errorf("connecting to itself gives %v", err)
	}
}

// testConnectWrongID dials b's address with an id that is not b's.
func testConnectWrongID(t *testing.T, a, b network.Host) {
	const other = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	addr := b.Addrs()[0]
	addr = addr[:len(addr)-len(b.ID())] + other
	if _, err := a.Connect(patient(t), addr); shoal.CodeOf(orNil(err)) != shoal.Network {
		t.Errorf("connecting to a node under another's id gives %v", err)
	}
	if n := len(a.Peers()); n != 0 {
		t.Errorf("there are %d peers", n)
	}
}

func testConnectGivenUp(t *testing.T, a, b network.Host) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Connect(ctx, b.Addrs()[0]); shoal.CodeOf(orNil(err)) != shoal.Network {
		t.Errorf("connecting without time gives %v", err)
	}
}

func testOpenUnknownPeer(t *testing.T, a, b network.Host) {
	for _, id := range []shoal.NodeID{b.ID(), "no id at all", ""} {
		if _, err := a.Open(patient(t), id, protocol); shoal.CodeOf(orNil(err)) != shoal.Network {
			t.Errorf("opening a stream to %q, whose address is unknown, gives %v", id, err)
		}
	}
}

func testLearnThenOpen(t *testing.T, a, b network.Host) {
	b.Handle(protocol, echo)
	a.Learn("", b.ID(), append([]string{"rubbish"}, b.Addrs()...))
	if got := a.AddrsOf(b.ID()); len(got) > 0 {
		t.Errorf("what was only told would be passed on: %v", got)
	}
	s := openAgain(t, a, b, protocol)
	mustWrite(t, s, "x")
	mustRead(t, s, "x")
	if got := a.AddrsOf(b.ID()); len(got) == 0 || !slices.Contains(b.Addrs(), got[0]) {
		t.Errorf("once it was reached it is at %v, want one of %v", got, b.Addrs())
	}
}

// testLearnForeign has someone tell b's address as another's.
func testLearnForeign(t *testing.T, a, b network.Host) {
	const other shoal.NodeID = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	a.Learn(b.ID(), other, b.Addrs())
	if _, err := a.Open(patient(t), other, protocol); shoal.CodeOf(orNil(err)) != shoal.Network {
		t.Errorf("opening a stream to a node known by another's address gives %v", err)
	}
}

func testPeers(t *testing.T, a, b network.Host) {
	arrived := changes(t, b)
	if len(a.Peers()) != 0 || len(b.Peers()) != 0 {
		t.Fatal("there are peers before anyone connected")
	}
	connect(t, a, b)
	take(t, arrived)
	near, far := a.Peers(), b.Peers()
	if len(near) != 1 || len(far) != 1 {
		t.Fatalf("there are %d and %d peers, want one each", len(near), len(far))
	}
	if near[0].Peer != b.ID() || far[0].Peer != a.ID() {
		t.Errorf("the peers are %s and %s", near[0].Peer, far[0].Peer)
	}
	if near[0].Inbound || !far[0].Inbound {
		t.Errorf("inbound is %v and %v", near[0].Inbound, far[0].Inbound)
	}
	for _, conn := range append(near, far...) {
		if conn.Addr == "" || conn.Transport == "" || conn.Since.IsZero() {
			t.Errorf("a connection is described as %+v", conn)
		}
	}
}

// changes watches a host until the test ends.
func changes(t *testing.T, h network.Host) <-chan network.Change {
	told := make(chan network.Change, 16)
	t.Cleanup(h.Watch(func(c network.Change) { told <- c }))
	return told
}

func testWatch(t *testing.T, a, b network.Host) {
	atA, atB := changes(t, a), changes(t, b)
	connect(t, a, b)
	for _, want := range []bool{true, false} {
		if got := take(t, atA); got != (network.Change{Peer: b.ID(), Connected: want}) {
			t.Errorf("a was told %+v", got)
		}
		if got := take(t, atB); got != (network.Change{Peer: a.ID(), Connected: want}) {
			t.Errorf("b was told %+v", got)
		}
		if want {
			_ = b.Close()
			// A host that closes itself need not tell its own watchers.
			atB = filled(network.Change{Peer: a.ID()})
		}
	}
}

func filled(c network.Change) <-chan network.Change {
	told := make(chan network.Change, 1)
	told <- c
	return told
}

// testDisconnect ends a connection, and both sides hear of it.
func testDisconnect(t *testing.T, a, b network.Host) {
	near, far := changes(t, a), changes(t, b)
	connect(t, a, b)
	take(t, near)
	take(t, far)
	a.Disconnect(b.ID())
	if c := take(t, near); c.Connected || c.Peer != b.ID() {
		t.Errorf("the one who ended it hears %+v", c)
	}
	if c := take(t, far); c.Connected || c.Peer != a.ID() {
		t.Errorf("the other one hears %+v", c)
	}
	a.Disconnect(b.ID()) // again does nothing
}

func testWatchStopped(t *testing.T, a, b network.Host) {
	stop := a.Watch(func(c network.Change) { t.Errorf("told of %+v after stop", c) })
	stop()
	seen := changes(t, a)
	connect(t, a, b)
	take(t, seen)
}

func testCloseEndsAll(t *testing.T, a, b network.Host) {
	serving, served := make(chan struct{}), make(chan struct{})
	b.Handle(protocol, func(s network.Stream) {
		defer close(served)
		defer s.Reset()
		close(serving)
		_, _ = io.Copy(io.Discard, s)
	})
	s := open(t, a, b)
	mustWrite(t, s, "x")
	take(t, serving)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-served:
	default:
		t.Error("the host closed while a handler ran")
	}
	_, err := s.Read(make([]byte, 1))
	mustFail(t, err, network.ErrReset)
}

func testClosedHost(t *testing.T, a, b network.Host) {
	connect(t, a, b)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("closing twice gives %v", err)
	}
	if _, err := a.Open(patient(t), b.ID(), protocol); shoal.CodeOf(orNil(err)) != shoal.Network {
		t.Errorf("opening a stream on a closed host gives %v", err)
	}
	if _, err := a.Connect(patient(t), b.Addrs()[0]); shoal.CodeOf(orNil(err)) != shoal.Network {
		t.Errorf("connecting from a closed host gives %v", err)
	}
}
