package memnet

import (
	"sync"
	"time"

	"shoal/internal/network"
)

// conn is a connection between two hosts.
type conn struct {
	dialler, listener *Host
	since             time.Time

	mu      sync.Mutex // guards the rest
	streams map[*stream]struct{}
	lost    bool
}

// open makes a stream from one of the two hosts to the other.
func (c *conn) open(from *Host) (opened, accepted *stream, to *Host, ok bool) {
	to = c.listener
	if from == c.listener {
		to = c.dialler
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return nil, nil, nil, false
	}
	opened, accepted = newStreams(c, from, to)
	c.streams[opened] = struct{}{}
	from.keep(opened)
	to.keep(accepted)
	return opened, accepted, to, true
}

// forget takes a stream off the books that is done at both ends.
func (c *conn) forget(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
	delete(c.streams, s.far)
}

// drop breaks the connection and all streams on it.
func (c *conn) drop() {
	c.mu.Lock()
	if c.lost {
		c.mu.Unlock()
		return
	}
	c.lost = true
	streams := c.streams
	c.streams = nil
	c.mu.Unlock()
	for s := range streams {
		s.in.failEmpty(network.ErrReset)
		s.out.failEmpty(network.ErrReset)
	}
	c.dialler.remove(c, c.listener.id)
	c.listener.remove(c, c.dialler.id)
}

// describe is the connection as a host sees it.
func (c *conn) describe(h *Host) network.Conn {
	peer := c.listener
	if h == c.listener {
		peer = c.dialler
	}
	delay := func(from, to *Host) time.Duration {
		l := h.net.line(from.id, to.id)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.link.Delay
	}
	return network.Conn{
		Peer: peer.id, Addr: "/memory/" + peer.name, Inbound: h == c.listener, Transport: "mem",
		Since: c.since, Latency: delay(h, peer) + delay(peer, h),
	}
}
