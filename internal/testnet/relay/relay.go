// Package relay is a TCP relay that makes a short link long: every byte
// arrives a fixed time after it was sent, in both directions, and nothing else
// is slowed. It is for tests and benchmarks.
//
// It does not limit bandwidth, lose, reorder or change anything.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// MaxBuffered is the most bytes one direction of one connection holds while
// they wait. It bounds the rate to MaxBuffered per delay, which is 8.9 GB/s
// at 30 ms; past that the sender is held up, as by a full socket.
const MaxBuffered = 256 << 20

// blockSize is how much is read at once, and what a held block costs however
// little is in it.
const blockSize = 64 << 10

// Relay is a listener whose connections all lead to one target.
type Relay struct {
	listener net.Listener
	target   string
	delay    time.Duration
	stop     context.CancelFunc
	work     sync.WaitGroup
	blocks   sync.Pool // of *[blockSize]byte
}

// Listen starts a relay at addr that leads to target, both host:port. Each
// direction takes delay longer, so a round trip takes twice that. It serves
// until ctx ends or Close is called.
func Listen(ctx context.Context, addr, target string, delay time.Duration) (*Relay, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w", target, err)
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Relay{listener: listener, target: target, delay: delay, stop: stop}
	r.blocks.New = func() any { return new([blockSize]byte) }
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	r.work.Go(func() { r.accept(ctx) })
	return r, nil
}

// Addr is where the relay listens, as host:port.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Close cuts every connection and returns when nothing of the relay runs.
func (r *Relay) Close() error {
	r.stop()
	r.work.Wait()
	return nil
}

func (r *Relay) accept(ctx context.Context) {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.serve(ctx, conn.(*net.TCPConn)) })
	}
}

// serve joins one connection to the target until both directions have ended.
func (r *Relay) serve(ctx context.Context, near *net.TCPConn) {
	defer near.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.target)
	if err != nil {
		reset(near)
		return
	}
	far := conn.(*net.TCPConn)
	defer far.Close()
	cut := context.AfterFunc(ctx, func() { reset(near); reset(far) })
	defer cut()

	var both sync.WaitGroup
	both.Go(func() { r.carry(ctx, far, near) })
	both.Go(func() { r.carry(ctx, near, far) })
	both.Wait()
}

// block is some bytes, the moment they are due, and how the direction ended if
// they are its last.
type block struct {
	data *[blockSize]byte
	size int
	due  time.Time
	err  error
}

// carry moves src to dst, each byte late by the delay, and the end of src too.
func (r *Relay) carry(ctx context.Context, dst, src *net.TCPConn) {
	waiting := make(chan block, MaxBuffered/blockSize)
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() { r.read(src, waiting) })

	if err := r.write(ctx, dst, waiting); err != nil {
		reset(dst)
		reset(src)
		for range waiting { // lets the reader go
		}
	}
}

// read fills waiting until src ends, and closes it.
func (r *Relay) read(src *net.TCPConn, waiting chan<- block) {
	defer close(waiting)
	for {
		data := r.blocks.Get().(*[blockSize]byte)
		n, err := src.Read(data[:])
		waiting <- block{data: data, size: n, due: time.Now().Add(r.delay), err: err}
		if err != nil {
			return
		}
	}
}

// write sends each block when it is due, then the end of the stream. An error
// means that dst, or ctx, or the source is broken.
func (r *Relay) write(ctx context.Context, dst *net.TCPConn, waiting <-chan block) error {
	for b := range waiting {
		if err := sleepUntil(ctx, b.due); err != nil {
			return err
		}
		_, err := dst.Write(b.data[:b.size])
		r.blocks.Put(b.data)
		if err != nil {
			return err
		}
		if errors.Is(b.err, io.EOF) {
			return dst.CloseWrite()
		}
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// sleepUntil returns at due, or with an error when ctx ends first.
func sleepUntil(ctx context.Context, due time.Time) error {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reset drops a connection so that its other end reads an error, not an end.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
