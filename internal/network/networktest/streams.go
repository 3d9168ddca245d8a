package networktest

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"shoal/internal/network"
)

func runStreams(t *testing.T, pair Pair) {
	all(t, pair, map[string]func(*testing.T, network.Host, network.Host){
		"Echo":             testEcho,
		"BothWays":         testBothWays,
		"Identity":         testIdentity,
		"ManyAtOnce":       testManyAtOnce,
		"UnknownProtocol":  testUnknownProtocol,
		"ProtocolsApart":   testProtocolsApart,
		"ReadFirst":        testReadFirst,
		"ReadDeadline":     testReadDeadline,
		"DeadlineInPast":   testDeadlineInPast,
		"ReadWhileWriting": testReadWhileWriting,
	})
}

func testEcho(t *testing.T, a, b network.Host) {
	b.Handle(protocol, echo)
	s := open(t, a, b)
	mustWrite(t, s, "hello")
	mustRead(t, s, "hello")
	mustWrite(t, s, "again")
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, s, "again")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func testBothWays(t *testing.T, a, b network.Host) {
	a.Handle(protocol, echo)
	b.Handle(protocol, echo)
	there := open(t, a, b)
	mustWrite(t, there, "x")
	mustRead(t, there, "x")
	// b never learnt an address of a's: this goes over the same connection.
	back := openAgain(t, b, a, protocol)
	mustWrite(t, back, "y")
	mustRead(t, back, "y")
}

func testIdentity(t *testing.T, a, b network.Host) {
	streams := hand(t, b)
	near := open(t, a, b)
	mustWrite(t, near, "x")
	far := take(t, streams)
	defer far.Reset()
	if near.Peer() != b.ID() || far.Peer() != a.ID() {
		t.Errorf("the ends name %s and %s, want %s and %s", near.Peer(), far.Peer(), b.ID(), a.ID())
	}
	if a.ID() == b.ID() || a.ID() == "" {
		t.Errorf("the hosts are called %q and %q", a.ID(), b.ID())
	}
}

func testManyAtOnce(t *testing.T, a, b network.Host) {
	const streams = 32
	b.Handle(protocol, echo)
	connect(t, a, b)
	var all sync.WaitGroup
	for i := range streams {
		s := openAgain(t, a, b, protocol)
		all.Go(func() {
			said := fmt.Sprint("stream ", i)
			mustWrite(t, s, said)
			_ = s.CloseWrite()
			mustEnd(t, s, said)
		})
	}
	all.Wait()
}

func testUnknownProtocol(t *testing.T, a, b network.Host) {
	connect(t, a, b)
	s := openAgain(t, a, b, "/nobody/serves/this")
	_, _ = s.Write([]byte("x"))
	_, err := s.Read(make([]byte, 1))
	mustFail(t, err, network.ErrProtocol)
}

func testProtocolsApart(t *testing.T, a, b network.Host) {
	b.Handle("/one", func(s network.Stream) { mustWrite(t, s, "one"); _ = s.Close() })
	b.Handle("/two", func(s network.Stream) { mustWrite(t, s, "two"); _ = s.Close() })
	connect(t, a, b)
	mustEnd(t, openAgain(t, a, b, "/two"), "two")
	mustEnd(t, openAgain(t, a, b, "/one"), "one")
}

// testReadFirst has the side that opened wait for the other to speak first.
func testReadFirst(t *testing.T, a, b network.Host) {
	b.Handle(protocol, func(s network.Stream) {
		mustWrite(t, s, "welcome")
		mustRead(t, s, "thanks")
		_ = s.Close()
	})
	s := open(t, a, b)
	mustRead(t, s, "welcome")
	mustWrite(t, s, "thanks")
	mustEnd(t, s, "")
}

func testReadDeadline(t *testing.T, a, b network.Host) {
	b.Handle(protocol, echo)
	s := open(t, a, b)
	mustWrite(t, s, "x")
	mustRead(t, s, "x")
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := s.Read(make([]byte, 1))
	mustFail(t, err, os.ErrDeadlineExceeded)

	_ = s.SetReadDeadline(time.Time{})
	mustWrite(t, s, "y")
	mustRead(t, s, "y")
}

// testDeadlineInPast wakes a read that is already waiting.
func testDeadlineInPast(t *testing.T, a, b network.Host) {
	streams := hand(t, b)
	s := open(t, a, b)
	mustWrite(t, s, "x")
	far := take(t, streams)
	defer far.Reset()
	failed := make(chan error)
	go func() {
		_, err := s.Read(make([]byte, 1))
		failed <- err
	}()
	_ = s.SetReadDeadline(time.Now().Add(-time.Second))
	mustFail(t, take(t, failed), os.ErrDeadlineExceeded)
}

func testReadWhileWriting(t *testing.T, a, b network.Host) {
	b.Handle(protocol, echo)
	s := open(t, a, b)
	const rounds, said = 64, "0123456789abcdef"
	var writing sync.WaitGroup
	writing.Go(func() {
		for range rounds {
			mustWrite(t, s, said)
		}
	})
	for range rounds {
		mustRead(t, s, said)
	}
	writing.Wait()
}
