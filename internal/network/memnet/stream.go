package memnet

import (
	"errors"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/network"
)

// stream is one end of a stream.
type stream struct {
	conn *conn
	host *Host // whose end it is
	peer shoal.NodeID
	in   *pipe
	out  *pipe
	done atomic.Bool // closed or reset at this end
	far  *stream
}

var _ network.Stream = (*stream)(nil)

// newStreams makes both ends of a stream over a connection.
func newStreams(c *conn, near, far *Host) (opened, accepted *stream) {
	there, back := newPipe(near.net.line(near.id, far.id)), newPipe(near.net.line(far.id, near.id))
	opened = &stream{conn: c, host: near, peer: far.id, in: back, out: there}
	accepted = &stream{conn: c, host: far, peer: near.id, in: there, out: back, far: opened}
	opened.far = accepted
	return opened, accepted
}

func (s *stream) Peer() shoal.NodeID { return s.peer }

func (s *stream) Read(p []byte) (int, error) { return s.in.read(p) }

func (s *stream) Write(p []byte) (int, error) { return s.out.write(p, s.conn.drop) }

// CloseWrite ends the writing half.
func (s *stream) CloseWrite() error {
	s.out.end()
	return nil
}

// Close ends both halves: the peer reads what was written and then io.EOF, and
// its writes fail.
func (s *stream) Close() error {
	s.out.end()
	s.in.update(func() { s.in.deaf = true })
	s.finish()
	return nil
}

// Reset drops the stream at once.
func (s *stream) Reset() {
	if s.done.Load() {
		return
	}
	s.breakOff(network.ErrReset)
}

// breakOff fails both halves, whatever is in them.
func (s *stream) breakOff(err error) {
	s.in.fail(err)
	s.out.fail(err)
	s.finish()
}

// refuse fails the peer's end with err.
func (s *stream) refuse(err error) { s.breakOff(err) }

// finish takes the stream off its host, and off its connection when both ends are
// done.
func (s *stream) finish() {
	if s.done.Swap(true) {
		return
	}
	s.host.forget(s)
	if s.far.done.Load() {
		s.conn.forget(s)
	}
}

// SetDeadline sets both deadlines.
func (s *stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline is as in net.Conn.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.in.update(func() { s.in.reads.at = t })
	return nil
}

// SetWriteDeadline is as in net.Conn.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.out.update(func() { s.out.writes.at = t })
	return nil
}
