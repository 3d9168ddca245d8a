package host

import (
	"context"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
)

// gatherBytes is how much ciphertext is gathered before the system is called:
// enough that the call costs little beside the copying, and little enough to
// lie in a core's own cache still. At 256 KiB it cost more than at 64 or 128.
const gatherBytes = 128 << 10

// gathering is a security transport whose connections give the system many
// records in one call. crypto/tls writes each, of at most 16 KiB, with a call
// of its own.
type gathering struct {
	sec.SecureTransport
	buffers *sync.Pool // of *[]byte; a connection needs one only while it writes
}

func newGathering(security sec.SecureTransport) gathering {
	return gathering{security, &sync.Pool{New: func() any {
		buffer := make([]byte, 0, gatherBytes)
		return &buffer
	}}}
}

// SecureInbound implements sec.SecureTransport.
func (g gathering) SecureInbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	below := &gatherer{Conn: insecure, buffers: g.buffers}
	return above(below)(g.SecureTransport.SecureInbound(ctx, below, p))
}

// SecureOutbound implements sec.SecureTransport.
func (g gathering) SecureOutbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	below := &gatherer{Conn: insecure, buffers: g.buffers}
	return above(below)(g.SecureTransport.SecureOutbound(ctx, below, p))
}

// above wraps the result of a handshake over below.
func above(below *gatherer) func(sec.SecureConn, error) (sec.SecureConn, error) {
	return func(conn sec.SecureConn, err error) (sec.SecureConn, error) {
		if err != nil {
			return nil, err
		}
		return &gatheredConn{SecureConn: conn, below: below}, nil
	}
}

// gatheredConn lies above the encryption, and says when a Write begins and ends.
type gatheredConn struct {
	sec.SecureConn
	below *gatherer

	writing sync.Mutex // held for a whole Write, so that each is flushed by itself
}

// Write has given all of p to the system when it returns without an error.
// After an error it is not known how much of p the peer will see, and every
// later Write fails, as with a tls.Conn.
func (c *gatheredConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.below.gather()
	n, err := c.SecureConn.Write(p)
	if flushed := c.below.flush(); err == nil && flushed != nil {
		return 0, flushed
	}
	return n, err
}

// Close, as that of a tls.Conn, breaks a Write that is going on rather than
// wait for it, and then does not tell the peer that the end was meant.
func (c *gatheredConn) Close() error {
	if !c.writing.TryLock() {
		return c.below.Close()
	}
	defer c.writing.Unlock()
	return c.SecureConn.Close()
}

// gatherer lies below the encryption. What is written to it between gather and
// flush leaves in pieces of up to gatherBytes; all else, which is handshakes,
// alerts and the updating of keys, leaves at once.
type gatherer struct {
	net.Conn
	buffers *sync.Pool

	mu   sync.Mutex // keeps the order of what is written, so it is held while that blocks
	on   bool
	kept *[]byte // what has not left yet; nil when there is nothing
	err  error   // of the first write that failed: a record may be cut, and none may follow
}

func (g *gatherer) gather() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on = true
}

// Write implements net.Conn.
func (g *gatherer) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.on {
		return g.passLocked(p)
	}
	if g.kept == nil {
		g.kept = g.buffers.Get().(*[]byte)
	}
	if len(*g.kept)+len(p) > gatherBytes {
		if err := g.emptyLocked(); err != nil {
			return 0, err
		}
	}
	*g.kept = append(*g.kept, p...) // a record is smaller than gatherBytes
	return len(p), nil
}

// flush lets go of what is kept, and ends the keeping.
func (g *gatherer) flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on = false
	if g.kept == nil {
		return g.err
	}
	err := g.emptyLocked()
	g.buffers.Put(g.kept)
	g.kept = nil
	return err
}

func (g *gatherer) emptyLocked() error {
	_, err := g.passLocked(*g.kept)
	*g.kept = (*g.kept)[:0]
	return err
}

func (g *gatherer) passLocked(p []byte) (n int, err error) {
	if g.err == nil {
		n, g.err = g.Conn.Write(p)
	}
	return n, g.err
}
