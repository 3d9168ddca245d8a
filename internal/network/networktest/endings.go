package networktest

import (
	"errors"
	"io"
	"testing"

	"shoal/internal/network"
)

func runEndings(t *testing.T, pair Pair) {
	all(t, pair, map[string]func(*testing.T, network.Host, network.Host){
		"HalfClose":       testHalfClose,
		"EmptyStream":     testEmptyStream,
		"ResetByOpener":   testResetByOpener,
		"ResetByServer":   testResetByServer,
		"ResetWakes":      testResetWakes,
		"CloseDelivers":   testCloseDelivers,
		"CloseAtOnce":     testCloseAtOnce,
		"CloseStopsPeer":  testCloseStopsPeer,
		"CloseAfterReset": testCloseAfterReset,
		"WriteAfterEnd":   testWriteAfterEnd,
	})
}

func testHalfClose(t *testing.T, a, b network.Host) {
	b.Handle(protocol, func(s network.Stream) {
		mustEnd(t, s, "question")
		mustWrite(t, s, "answer")
		_ = s.Close()
	})
	s := open(t, a, b)
	mustWrite(t, s, "question")
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, s, "answer")
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("reading past the end gives %v", err)
	}
}

// testEmptyStream ends a stream on which nothing was said: it is served.
func testEmptyStream(t *testing.T, a, b network.Host) {
	streams := hand(t, b)
	s := open(t, a, b)
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	far := take(t, streams)
	mustEnd(t, far, "")
	_ = far.Close()
	mustEnd(t, s, "")
}

// met gives both ends of a stream that has carried a byte each way.
func met(t *testing.T, a, b network.Host) (near, far network.Stream) {
	streams := hand(t, b)
	near = open(t, a, b)
	mustWrite(t, near, "x")
	far = take(t, streams)
	mustRead(t, far, "x")
	mustWrite(t, far, "y")
	mustRead(t, near, "y")
	return near, far
}

func testResetByOpener(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	near.Reset()
	_, err := far.Read(make([]byte, 1))
	mustFail(t, err, network.ErrReset)
	mustFail(t, untilFails(far), network.ErrReset)
	_, err = near.Read(make([]byte, 1))
	mustFail(t, err, network.ErrReset)
	mustFail(t, untilFails(near), network.ErrReset)
}

func testResetByServer(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	far.Reset()
	_, err := near.Read(make([]byte, 1))
	mustFail(t, err, network.ErrReset)
	mustFail(t, untilFails(near), network.ErrReset)
}

// testResetWakes resets, from a third goroutine, a stream on which both a
// read and a write wait.
func testResetWakes(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	defer far.Reset()
	failed := make(chan error, 2)
	go func() { failed <- untilFails(near) }()
	go func() {
		_, err := near.Read(make([]byte, 1))
		failed <- err
	}()
	near.Reset()
	mustFail(t, take(t, failed), network.ErrReset)
	mustFail(t, take(t, failed), network.ErrReset)
}

// testCloseDelivers closes right behind a large write.
func testCloseDelivers(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	said := make([]byte, 200<<10)
	mustWrite(t, far, string(said))
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, near, string(said))
}

// testCloseAtOnce opens, writes and closes before the peer has answered.
func testCloseAtOnce(t *testing.T, a, b network.Host) {
	streams := hand(t, b)
	s := open(t, a, b)
	mustWrite(t, s, "a note")
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	far := take(t, streams)
	mustEnd(t, far, "a note")
	_ = far.Close()
	if err := take(t, closed); err != nil {
		t.Error(err)
	}
}

// testCloseStopsPeer closes while the peer still writes: that must not leave
// it waiting for a window that will never open.
func testCloseStopsPeer(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	failed := make(chan error)
	go func() { failed <- untilFails(near) }()
	mustRead(t, far, "\x00\x00\x00\x00")
	_ = far.Close()
	mustFail(t, take(t, failed), network.ErrReset)
}

func testCloseAfterReset(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	far.Reset()
	_, err := near.Read(make([]byte, 1))
	mustFail(t, err, network.ErrReset)
	if err := near.Close(); err != nil {
		t.Errorf("closing what the peer has reset gives %v", err)
	}
	near.Reset()
}

func testWriteAfterEnd(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	defer far.Reset()
	_ = near.CloseWrite()
	if _, err := near.Write([]byte("x")); err == nil {
		t.Error("a byte could be written after CloseWrite")
	}
}
