package liveness

import (
	"bytes"
	"slices"
	"time"
)

// me is what this node says of itself.
type me struct {
	incarnation uint64
	said        *Statement
	own         Own
	stated      time.Duration // when said was made; own time
	stale       bool          // own is not what was said
	accused     bool          // claimed to be down in this incarnation
	left        bool
	rival       uint64 // another process under this identity, that was overtaken before
}

// state makes a statement with what there is to say, and tells everyone.
func (d *Detector) state() {
	s := &Statement{Node: HandleOf(d.cfg.Self), Incarnation: d.incarnation, Nonce: d.cfg.Nonce, Left: d.left, Own: d.own}
	urgent := true
	if d.said != nil && d.said.Incarnation == d.incarnation {
		s.Seq, urgent = d.said.Seq+1, d.left
	}
	s.Sig = d.cfg.Keys.Sign(s.text(d.cfg.Self))
	d.said, d.stated, d.stale, d.accused = s, d.t, false, false
	if d.self >= 0 {
		d.edit(d.self, func(p *peer) { p.said, p.claims = s, nil })
		d.spread(rumour{subject: subject{node: d.self}, urgent: urgent, from: d.self})
	}
	if d.few() {
		d.oweAll()
	}
}

// few reports whether there are so few nodes that each tells all others what it
// says of itself at the next tick, and need not wait for a beat.
func (d *Detector) few() bool { return d.roster.Len() <= min(fewNodes, d.cfg.FullMesh) }

// oweAll has all peers told what this node says of itself.
func (d *Detector) oweAll() {
	for _, i := range d.links {
		if l := d.peers[i].link; l.up {
			l.owes |= oweSaid
		}
	}
}

// restate makes the statement that had to wait.
func (d *Detector) restate() {
	switch waited := d.t - d.stated; {
	case d.accused && waited >= d.cfg.Interval:
		d.raise(d.incarnation)
	case d.stale && waited >= d.pause():
		d.state()
	}
}

// pause is the time between two statements of which none is a refutation. It
// grows with the shoal beyond 1,000 nodes, for all have to carry it; where each
// watches each, what a node says need not be passed on, and a beat is enough.
func (d *Detector) pause() time.Duration {
	if d.few() {
		return d.cfg.Tick
	}
	if d.roster.Len() <= d.cfg.FullMesh {
		return d.cfg.Interval
	}
	return d.cfg.Update * time.Duration(max(1000, d.roster.Len())) / 1000
}

func (d *Detector) say(own Own) {
	if own.Full == d.own.Full && own.Free == d.own.Free && bytes.Equal(own.Digest, d.own.Digest) {
		return
	}
	own.Digest = slices.Clone(own.Digest[:min(len(own.Digest), MaxDigest)])
	d.own, d.stale = own, true
	if !d.left && d.t-d.stated >= d.pause() {
		d.state()
	}
}

func (d *Detector) leave() {
	if d.left {
		return
	}
	d.left, d.rewired = true, false
	d.state()
	d.oweAll()
	for _, i := range d.connections() {
		d.deliver(i)
	}
}

// raise refutes what was claimed of an incarnation by beginning the next.
func (d *Detector) raise(above uint64) {
	if d.left || above >= MaxIncarnation {
		return
	}
	d.incarnation = above + 1
	d.state()
}

// refute answers a claim against this node, at most once an interval: whoever
// makes false claims makes it speak no more often than that. Against
// incarnation 0 any statement will do: the reporter has seen none.
func (d *Detector) refute(c *Claim) {
	if c.Incarnation == 0 {
		d.spread(rumour{subject: subject{node: d.self}, urgent: true, from: d.self})
		return
	}
	d.accused = true
	if d.t-d.stated >= d.cfg.Interval {
		d.raise(d.incarnation)
	}
}

// confront meets a statement under this node's own key that it did not make in
// this life. It is of an earlier one, and overtaken; or of a clone, and then
// there will be another, after it was overtaken.
func (d *Detector) confront(s *Statement) {
	if s.Nonce == d.cfg.Nonce && !s.newer(d.said) || s.Incarnation < d.incarnation || !d.signedBySelf(s) {
		return
	}
	if s.Nonce != d.cfg.Nonce && s.Nonce == d.rival {
		d.act(Cloned{Node: d.cfg.Self, Nonce: s.Nonce})
	}
	d.rival = s.Nonce
	d.raise(s.Incarnation)
}

func (d *Detector) signedBySelf(s *Statement) bool {
	return d.cfg.Keys.Verify(d.cfg.Self, s.text(d.cfg.Self), s.Sig)
}
