package sim

import (
	"slices"
	"time"

	"shoal/internal/catalog/gossip"
)

// stream is a process's end of a stream on which two bring their journals to the
// same state. What is sent comes late, but in order and once, until it breaks.
type stream struct {
	p      *process
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
	to   *machine
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

// clock is the time as the gossip is told it.
func (w *world) clock() time.Time { return time.Unix(0, 0).Add(w.Now()) }

// greet keeps a stream to a machine that is connected. Of two the one with the lower
// id opens it.
func (p *process) greet(to *machine) {
	if p.m.conns[to.index] && p.calls[to.index] == nil && p.m.id < to.id {
		c := &call{to: to, wait: firstRetry}
		p.calls[to.index] = c
		p.open(c)
	}
}

// lose ends all streams with a machine: what came and was not heard yet is lost.
func (p *process) lose(to *machine) {
	delete(p.calls, to.index)
	for _, s := range slices.Clone(p.streams) {
		if s.back.p.m == to {
			s.dead = true
			p.hand(s.end)
		}
	}
}

// open asks for a stream.
func (p *process) open(c *call) {
	q, a := c.to.process, &ask{since: p.w.Now()}
	c.asks = a
	p.w.After(breaksAfter, func() { p.unanswered(c, a) })
	p.w.After(p.w.latency(), func() {
		switch {
		case q == nil || c.to.process != q || p.w.severed(p.m, c.to):
			p.unanswered(c, a)
		default:
			q.hand(func() { q.admit(p, c, a) })
		}
	})
}

// unanswered opens a stream again, if it was asked for in vain.
func (p *process) unanswered(c *call, a *ask) {
	if c.asks == a && p.calls[c.to.index] == c {
		p.again(c)
	}
}

// again opens a stream again, a while later.
func (p *process) again(c *call) {
	wait := c.wait
	c.asks = nil
	c.wait = min(2*wait, lastRetry)
	p.w.After(wait, func() {
		p.hand(func() {
			if p.calls[c.to.index] == c {
				p.open(c)
			}
		})
	})
}

// admit lets another speak with this process that has asked to, or does not.
func (p *process) admit(from *process, c *call, a *ask) {
	p.knock(from.m.id, func(served bool) {
		switch {
		case from.m.process != from, from.calls[p.m.index] != c, c.asks != a, p.w.severed(p.m, from.m): // it does not hear the answer
		case served:
			from.meet(p, c)
		default:
			from.again(c)
		}
	})
}

// meet begins the conversation of two processes.
func (p *process) meet(q *process, c *call) {
	now := p.w.Now()
	c.asks = nil
	there := &stream{p: p, by: c, talk: p.talks.Meet(p.w.clock()), began: now, heard: now, wakes: -1}
	back := &stream{p: q, talk: q.talks.Meet(p.w.clock()), began: now, heard: now, wakes: -1}
	there.back, back.back = back, there
	for _, s := range []*stream{there, back} {
		s.p.streams = append(s.p.streams, s)
		s.p.hand(s.speak)
	}
}

// speak has all streams say what there is to say.
func (p *process) speak() {
	for _, s := range slices.Clone(p.streams) {
		s.speak()
	}
}

// speak says what there is to say, and sees to it that it is asked again when
// there may be more.
func (s *stream) speak() {
	w := s.p.w
	for !s.dead {
		said, err := s.talk.Next(w.clock())
		if err != nil {
			w.breach("%s cannot speak: %v", s.p.m.name(), err)
		}
		if said == nil {
			break
		}
		s.say(said)
	}
	if wake := s.talk.Wake().Sub(time.Unix(0, 0)); !s.dead && (s.wakes <= w.Now() || wake < s.wakes) {
		s.wakes = wake
		w.After(wake-w.Now(), func() { s.p.hand(s.speak) })
	}
}

// say sends one message; what is given goes in as many as it takes.
func (s *stream) say(said any) {
	give, ok := said.(gossip.Give)
	if !ok {
		s.post(said)
		return
	}
	var frame []signed
	for _, part := range give {
		log := s.p.m.disk.log[part.Author]
		frame = append(frame, log[min(part.After, uint64(len(log))):]...)
		s.talk.Gave(part.Author, uint64(len(log)))
	}
	for some := range slices.Chunk(frame, frameBatches) {
		s.post(some)
	}
}

// post puts a message on its way. What gets lost is sent again.
func (s *stream) post(said any) {
	w := s.p.w
	at := w.Now() + w.latency()
	for w.chance(w.loss) {
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
	case w.severed(s.p.m, back.p.m):
		if s.wait = min(max(2*s.wait, resend), lastResend); !s.dead {
			w.After(s.wait, s.deliver)
		}
		return
	case back.dead:
		w.After(w.latency(), func() { s.p.hand(s.end) })
		return
	}
	said := s.out[0].said
	s.wait = 0
	if s.out = s.out[1:]; len(s.out) > 0 {
		w.After(s.out[0].at-w.Now(), s.deliver)
	}
	back.p.hand(func() { back.hear(said) })
}

// hear takes in a message.
func (s *stream) hear(said any) {
	if s.dead {
		return
	}
	switch said := said.(type) {
	case gossip.Digest:
		if err := s.talk.HearDigest(said); err != nil {
			s.p.w.breach("%s cannot compare: %v", s.p.m.name(), err)
		}
	case gossip.Have:
		s.talk.HearHave(said)
	case gossip.Want:
		s.talk.HearWant(said)
	case []signed:
		s.take(said)
	}
	s.p.recall()
	s.speak()
}

// end ends the stream at this end; the other finds out.
func (s *stream) end() {
	p, w := s.p, s.p.w
	if !slices.Contains(p.streams, s) {
		return
	}
	s.dead = true
	s.talk.End()
	p.streams = slices.DeleteFunc(p.streams, func(o *stream) bool { return o == s })
	if !w.severed(p.m, s.back.p.m) {
		w.After(w.latency(), func() { s.back.p.hand(s.back.end) })
	}
	if c := s.by; c != nil && p.calls[c.to.index] == c {
		if w.Now() > s.began+lastRetry {
			c.wait = firstRetry
		}
		p.again(c)
	}
	p.recall()
	p.speak()
}

// listen ends the streams on which nothing can have been heard for long.
func (p *process) listen() {
	for _, s := range slices.Clone(p.streams) {
		switch o := s.back.p.m; {
		case !p.w.severed(p.m, o) && o.process == s.back.p && !o.frozen:
			s.heard = p.w.Now()
		case p.w.Now() >= s.heard+breaksAfter:
			s.end()
		}
	}
}
