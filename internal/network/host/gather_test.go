package host

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/sec"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"pgregory.net/rapid"
)

// wire is a connection that counts the writes that come down to it, and can be
// made to fail them or to hold them until it is closed.
type wire struct {
	net.Conn
	writes  atomic.Int32
	broken  atomic.Bool
	full    atomic.Bool
	held    chan struct{} // a value for each write that is held
	closed  chan struct{}
	closing sync.Once
}

var errBroken = errors.New("the wire is cut")

func (w *wire) Write(p []byte) (int, error) {
	w.writes.Add(1)
	if w.broken.Load() {
		return len(p) / 2, errBroken
	}
	if w.full.Load() {
		w.held <- struct{}{}
		<-w.closed
		return 0, net.ErrClosed
	}
	return w.Conn.Write(p)
}

func (w *wire) Close() error {
	w.closing.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// gatheredPair is two ends of a connection over loopback, and what lies below
// the first.
func gatheredPair(t *testing.T) (near, far sec.SecureConn, below *wire) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan sec.SecureConn, 1)
	server := newSecurity(t)
	go func() {
		raw, err := listener.Accept()
		if err == nil {
			conn, _ := server.SecureInbound(t.Context(), raw, "")
			accepted <- conn
		}
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	below = &wire{Conn: raw, held: make(chan struct{}), closed: make(chan struct{})}
	near, err = newSecurity(t).SecureOutbound(t.Context(), below, "")
	if err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return near, far, below
}

func newSecurity(t *testing.T) sec.SecureTransport {
	t.Helper()
	_, identity, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := crypto.KeyPairFromStdKey(&identity)
	if err != nil {
		t.Fatal(err)
	}
	security, err := libp2ptls.New(libp2ptls.ID, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newGathering(security)
}

func TestOneCallForManyRecords(t *testing.T) {
	near, far, below := gatheredPair(t)
	sent := bytes.Repeat([]byte("shoal"), 100<<10) // 32 records and more
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(io.LimitReader(far, int64(len(sent))))
		got <- all
	}()
	before := below.writes.Load()
	if n, err := near.Write(sent); n != len(sent) || err != nil {
		t.Fatal(n, err)
	}
	if calls, most := below.writes.Load()-before, int32(len(sent)/gatherBytes+2); calls > most {
		t.Errorf("%d calls, want at most %d", calls, most)
	}
	if !bytes.Equal(<-got, sent) {
		t.Error("other bytes came out")
	}
}

// Both directions at once, with several writers each, as yamux does not do but
// net.Conn promises.
func TestGatheredBothWays(t *testing.T) {
	near, far, _ := gatheredPair(t)
	const block, blocks, writers = 40_000, 50, 3
	var work sync.WaitGroup
	for _, conn := range []net.Conn{near, far} {
		for w := range writers {
			work.Go(func() {
				for range blocks {
					if _, err := conn.Write(bytes.Repeat([]byte{byte(w)}, block)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		work.Go(func() {
			got := make([]byte, block)
			for range blocks * writers {
				if _, err := io.ReadFull(conn, got); err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(got, bytes.Repeat(got[:1], block)) {
					t.Error("two writes were mixed")
				}
			}
		})
	}
	work.Wait()
}

// A flush comes after the encryption has said that all went well.
func TestFailedFlushFailsWrite(t *testing.T) {
	near, _, below := gatheredPair(t)
	below.broken.Store(true)
	if n, err := near.Write([]byte("lost")); n != 0 || !errors.Is(err, errBroken) {
		t.Fatalf("%d, %v, want the error of the wire", n, err)
	}
	below.broken.Store(false)
	if _, err := near.Write([]byte("behind half a record")); !errors.Is(err, errBroken) {
		t.Fatalf("after a failed write: %v, want its error", err)
	}
}

func TestGatheredWriteDeadline(t *testing.T) {
	near, _, _ := gatheredPair(t)
	if err := near.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil { // the peer does not read
		_, err = near.Write(make([]byte, 1<<20))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v, want a timeout", err)
	}
}

// A Close waits neither for a Write that cannot go on, nor for its lock.
func TestCloseBreaksGatheredWrite(t *testing.T) {
	near, _, below := gatheredPair(t)
	below.full.Store(true)
	written := make(chan error)
	go func() {
		_, err := near.Write(make([]byte, 1<<20))
		written <- err
	}()
	<-below.held
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-written; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("%v, want %v", err, net.ErrClosed)
	}
}

// The farewell goes out although nothing is being written.
func TestGatheredCloseIsSeenAsEnd(t *testing.T) {
	near, far, _ := gatheredPair(t)
	if _, err := near.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(far); err != nil || string(all) != "last" {
		t.Fatalf("%q, %v, want the last bytes and a clean end", all, err)
	}
}

// Whatever is kept back and when, the bytes leave in the order they came.
func TestGathererKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out, want bytes.Buffer
		security := newGathering(nil)
		g := &gatherer{Conn: bufferConn{out: &out}, buffers: security.buffers}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				g.gather()
			case 1:
				if err := g.flush(); err != nil || !bytes.Equal(out.Bytes(), want.Bytes()) {
					t.Fatalf("after a flush %d bytes are out of %d: %v", out.Len(), want.Len(), err)
				}
			default:
				p := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "bytes")
				p = bytes.Repeat(p, rapid.IntRange(1, 256).Draw(t, "times")) // up to a record
				if n, err := g.Write(p); n != len(p) || err != nil {
					t.Fatal(n, err)
				}
				want.Write(p)
			}
			if !g.on && !bytes.Equal(out.Bytes(), want.Bytes()) || want.Len()-out.Len() > gatherBytes {
				t.Fatalf("%d bytes are kept back, gathering is %t", want.Len()-out.Len(), g.on)
			}
		}
	})
}

// bufferConn is a connection into a buffer.
type bufferConn struct {
	net.Conn
	out *bytes.Buffer
}

func (c bufferConn) Write(p []byte) (int, error) { return c.out.Write(p) }
