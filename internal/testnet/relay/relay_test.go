package relay_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"shoal/internal/testnet/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link starts a server that runs serve on its one connection, a relay to it,
// and returns a connection through the relay.
func link(tb testing.TB, delay time.Duration, serve func(*net.TCPConn)) *net.TCPConn {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r, err := relay.Listen(tb.Context(), "127.0.0.1:0", listener.Addr().String(), delay)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		far, err := listener.Accept()
		if err != nil {
			return
		}
		defer far.Close()
		serve(far.(*net.TCPConn))
	}()
	tb.Cleanup(func() {
		conn.Close()
		r.Close()
		listener.Close()
		<-served
	})
	return conn.(*net.TCPConn)
}

func echo(conn *net.TCPConn) { _, _ = io.Copy(conn, conn); _ = conn.CloseWrite() }

func TestRelayDelaysEachDirection(t *testing.T) {
	const delay = 40 * time.Millisecond
	conn := link(t, delay, echo)
	start := time.Now()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 2*delay {
		t.Errorf("the round trip took %v, less than twice the delay of %v", took, delay)
	}
}

func TestRelayKeepsBytesAndTheirEnd(t *testing.T) {
	conn := link(t, time.Millisecond, echo)
	want := make([]byte, 8<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(want)
	go func() {
		_, _ = conn.Write(want)
		_ = conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back other than the %d sent", len(got), len(want))
	}
}

func TestRelayPassesAReset(t *testing.T) {
	conn := link(t, time.Millisecond, func(far *net.TCPConn) {
		_, _ = io.ReadFull(far, make([]byte, 1))
		_ = far.SetLinger(0)
	})
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("reading from a connection that was reset gives %v", err)
	}
}

func TestRelayWithoutTargetResets(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	listener.Close()
	r, err := relay.Listen(t.Context(), "127.0.0.1:0", gone, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		return // the reset came before the dial was over
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a relay whose target is gone gave a byte")
	}
}

func BenchmarkRelay(b *testing.B) {
	sent := make(chan struct{})
	conn := link(b, 30*time.Millisecond, func(far *net.TCPConn) {
		_, _ = io.Copy(io.Discard, far)
		close(sent)
	})
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := conn.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	_ = conn.CloseWrite()
	<-sent
}
