package host

import (
	"slices"
	"time"

	"shoal/internal/catalog/gossip"
	"shoal/internal/testnet/sim/disk"
)

// streams is the streams of a process, and the calls by which it opens them.
type streams struct {
	p       *Process
	running []*stream
	calls   map[int]*call // streams it keeps, by machine
}

// stream is a process's end of a stream on which two bring their journals to the
// same state. What is sent comes late, but in order and once, until it breaks.
type stream struct {
	p      *Process
	back   *stream // the other end
	by     *call   // by which this end opened it
	talk   *gossip.Session
	dead   bool // it takes in nothing any more
	out    []message
	began  time.Duration
	heard  time.Duration // when the other end could be reached last
	wakes  time.Duration // when it is woken next
	latest time.Duration // when the last message arrives
	wait   time.Duration // before the first is sent again
}

// message is one on its way, and when it arrives at the soonest.
type message struct {
	said any
	at   time.Duration
}

// call is a stream that a process keeps to another, and opens again.
type call struct {
	to   *Machine
	wait time.Duration // before it is opened again
	asks *ask          // what is under way
}

// ask is one attempt to open a stream.
type ask struct{ since time.Duration }

// The times of a stream, as the exchange and the network have them.
const (
	firstRetry   = 500 * time.Millisecond
	lastRetry    = 30 * time.Second
	breaksAfter  = 30 * time.Second // of silence
	resend       = time.Second      // what did not arrive; each time twice as late (RFC 6298), until
	lastResend   = 30 * time.Second
	frameBatches = 16 // are sent at once; few, so that there are many frames
)

// gossipTime is the time as the gossip is told it.
func (w *Net) gossipTime() time.Time { return time.Unix(0, 0).Add(w.Now()) }

// greet keeps a stream to a machine that is connected. Of two the one with the lower
// id opens it.
func (x *streams) greet(to *Machine) {
	p := x.p
	if p.m.conns[to.Index] && x.calls[to.Index] == nil && p.m.ID < to.ID {
		c := &call{to: to, wait: firstRetry}
		x.calls[to.Index] = c
		x.open(c)
	}
}

// lose ends all streams with a machine: what came and was not heard yet is lost.
func (x *streams) lose(to *Machine) {
	delete(x.calls, to.Index)
	for _, s := range slices.Clone(x.running) {
		if s.back.p.m == to {
			s.dead = true
			x.p.Hand(s.end)
		}
	}
}

// open asks for a stream.
func (x *streams) open(c *call) {
	p := x.p
	q, a := c.to.Process, &ask{since: p.w.Now()}
	c.asks = a
	p.w.After(breaksAfter, func() { x.unanswered(c, a) })
	p.w.After(p.w.Latency(), func() {
		switch {
		case q == nil || c.to.Process != q || p.w.Severed(p.m, c.to):
			x.unanswered(c, a)
		default:
			q.Hand(func() { q.streams.admit(x, c, a) })
		}
	})
}

// unanswered opens a stream again, if it was asked for in vain.
func (x *streams) unanswered(c *call, a *ask) {
	if c.asks == a && x.calls[c.to.Index] == c {
		x.again(c)
	}
}

// again opens a stream again, a while later.
func (x *streams) again(c *call) {
	wait := c.wait
	c.asks = nil
	c.wait = min(2*wait, lastRetry)
	x.p.w.After(wait, func() {
		x.p.Hand(func() {
			if x.calls[c.to.Index] == c {
				x.open(c)
			}
		})
	})
}

// admit lets another speak with this process that has asked to, or does not.
func (x *streams) admit(from *streams, c *call, a *ask) {
	p, o := x.p, from.p.m
	p.gate.knock(o.ID, func(served bool) {
		switch {
		case o.Process != from.p, from.calls[p.m.Index] != c, c.asks != a, p.w.Severed(p.m, o): // it does not hear the answer
		case served:
			from.meet(x, c)
		default:
			from.again(c)
		}
	})
}

// meet begins the conversation of two processes.
func (x *streams) meet(y *streams, c *call) {
	p, q := x.p, y.p
	now := p.w.Now()
	c.asks = nil
	there := &stream{p: p, by: c, talk: p.talks.Meet(p.w.gossipTime()), began: now, heard: now, wakes: -1}
	back := &stream{p: q, talk: q.talks.Meet(p.w.gossipTime()), began: now, heard: now, wakes: -1}
	there.back, back.back = back, there
	for _, s := range []*stream{there, back} {
		all := &s.p.streams
		all.running = append(all.running, s)
		s.p.Hand(s.speak)
	}
}

// speak has all streams say what there is to say.
func (x *streams) speak() {
	for _, s := range slices.Clone(x.running) {
		s.speak()
	}
}

// speak says what there is to say, and sees to it that it is asked again when
// there may be more.
func (s *stream) speak() {
	w := s.p.w
	for !s.dead {
		said, err := s.talk.Next(w.gossipTime())
		if err != nil {
			w.Breach("%s cannot speak: %v", s.p.m.Name(), err)
		}
		if said == nil {
			break
		}
		s.say(said)
	}
	if wake := s.talk.Wake().Sub(time.Unix(0, 0)); !s.dead && (s.wakes <= w.Now() || wake < s.wakes) {
		s.wakes = wake
		w.After(wake-w.Now(), func() { s.p.Hand(s.speak) })
	}
}

// say sends one message; what is given goes in as many as it takes.
func (s *stream) say(said any) {
	give, ok := said.(gossip.Give)
	if !ok {
		s.post(said)
		return
	}
	var frame []disk.Batch
	for _, part := range give {
		frame = append(frame, s.p.Behind(part.Author, part.After)...)
		s.talk.Gave(part.Author, s.p.Upto(part.Author))
	}
	for some := range slices.Chunk(frame, frameBatches) {
		s.post(some)
	}
}

// post puts a message on its way. What gets lost is sent again.
func (s *stream) post(said any) {
	w := s.p.w
	at := w.Now() + w.Latency()
	for w.Chance(w.Loss) {
		at += resend
	}
	s.latest = max(s.latest, at)
	s.out = append(s.out, message{said, s.latest})
	if len(s.out) == 1 {
		w.After(s.latest-w.Now(), s.deliver)
	}
}

// deliver hands the first message to the other end, when it can be reached.
func (s *stream) deliver() {
	w, back := s.p.w, s.back
	switch {
	case w.Severed(s.p.m, back.p.m):
		if s.wait = min(max(2*s.wait, resend), lastResend); !s.dead {
			w.After(s.wait, s.deliver)
		}
		return
	case back.dead:
		w.After(w.Latency(), func() { s.p.Hand(s.end) })
		return
	}
	said := s.out[0].said
	s.wait = 0
	if s.out = s.out[1:]; len(s.out) > 0 {
		w.After(s.out[0].at-w.Now(), s.deliver)
	}
	back.p.Hand(func() { back.hear(said) })
}

// hear takes in a message.
func (s *stream) hear(said any) {
	if s.dead {
		return
	}
	switch said := said.(type) {
	case gossip.Digest:
		if err := s.talk.HearDigest(said); err != nil {
			s.p.w.Breach("%s cannot compare: %v", s.p.m.Name(), err)
		}
	case gossip.Have:
		s.talk.HearHave(said)
	case gossip.Want:
		s.talk.HearWant(said)
	case []disk.Batch:
		s.take(said)
	}
	s.p.recall()
	s.speak()
}

// end ends the stream at this end; the other finds out.
func (s *stream) end() {
	p, w, all := s.p, s.p.w, &s.p.streams
	if !slices.Contains(all.running, s) {
		return
	}
	s.dead = true
	s.talk.End()
	all.running = slices.DeleteFunc(all.running, func(o *stream) bool { return o == s })
	if !w.Severed(p.m, s.back.p.m) {
		w.After(w.Latency(), func() { s.back.p.Hand(s.back.end) })
	}
	if c := s.by; c != nil && all.calls[c.to.Index] == c {
		if w.Now() > s.began+lastRetry {
			c.wait = firstRetry
		}
		all.again(c)
	}
	p.recall()
	all.speak()
}

// listen ends the streams on which nothing can have been heard for long.
func (x *streams) listen() {
	w := x.p.w
	for _, s := range slices.Clone(x.running) {
		switch o := s.back.p.m; {
		case !w.Severed(x.p.m, o) && o.Process == s.back.p && !o.Frozen:
			s.heard = w.Now()
		case w.Now() >= s.heard+breaksAfter:
			s.end()
		}
	}
}
