package liveness

import "time"

// revival is how many beats in a row, or intervals without a new claim, make a
// node that was down alive again.
const revival = 3

// refutation is how many intervals a node has to refute what is claimed of it,
// before those believe it who do not watch it. Doubts come Down - Suspect
// before worse, so it delays only the news of those that are gone.
const refutation = 3

// judge brings a peer's state up to date, and what this node claims of it.
func (d *Detector) judge(i int) {
	if i == d.self {
		return
	}
	d.accuse(i)
	p := &d.peers[i]
	verdict := d.verdict(i)
	if p.state == Down && verdict != Down && !d.returned(p) || p.state != Down && verdict == Down && d.t < d.waking {
		d.open[i] = true
		return
	}
	p.back = 0
	if len(p.claims) > 0 && verdict != Down {
		d.open[i] = true // whether one reporter is enough depends on the others
	} else {
		delete(d.open, i)
	}
	if verdict != p.state {
		d.turn(i, verdict)
	}
}

// verdict is what the evidence says now, without regard to what was. A node's
// own ears come first: whatever others claim, whom it hears is alive.
func (d *Detector) verdict(i int) State {
	p := &d.peers[i]
	if p.said != nil && p.said.Left {
		return Down
	}
	if d.hears(p) {
		return Alive
	}
	if p.accusers() > 0 && (p.state == Down || p.accusers() >= d.needed(i) && d.answerable(p)) {
		return Down // and it stays so, though more could be asked now: that is no sign of life
	}
	silent := p.link != nil && p.link.watched && d.quiet(p.link)
	if len(p.claims) > 0 || p.said == nil || d.deaf || silent {
		return Suspect
	}
	return Alive
}

// hears reports whether the peer itself spoke lately.
func (d *Detector) hears(p *peer) bool {
	return p.link != nil && p.link.heard > 0 && !d.quiet(p.link)
}

func (d *Detector) quiet(l *link) bool {
	return l.gone || l.cut || d.t-max(l.heard, l.begun) >= d.cfg.Suspect
}

// answerable reports whether the peer has had the time to refute. One that is
// watched from here would have been heard; of another there may be claims that
// a node held for long, and that the peer never learnt of.
func (d *Detector) answerable(p *peer) bool {
	return p.link != nil && p.link.watched || d.t-p.accused >= refutation*d.cfg.Interval
}

// needed is how many must agree that a node is down: fewer where there are
// few, or where few could say so. On rings others' claims make a node suspect,
// but no less a witness: one liar could silence all. In a mesh only this node's
// own ears make it suspect.
func (d *Detector) needed(i int) int {
	if d.roster.Len() < voters || d.self < 0 {
		return 1
	}
	if !d.mesh() {
		return d.witnesses(i)
	}
	others := d.alive + 1 // and this node
	if d.peers[i].state == Alive {
		others--
	}
	return min(quorum, others)
}

// witnesses counts the watchers of i that are not down, up to quorum; at least
// one. A node that is cut off cannot ask them.
func (d *Detector) witnesses(i int) int {
	if d.deaf {
		return 1
	}
	found := -1
	for k := range d.cfg.Watchers {
		for w := range d.along(k, i, +1) {
			if w == found || d.down(w) {
				continue
			}
			if found >= 0 {
				return quorum
			}
			found = w
		}
	}
	return 1
}

// listen finds out whether this node is cut off: most of those that it
// watches and that are not known to be down are silent. Where not all watch all
// it then knows nothing of those it does not hear, rather than good.
func (d *Detector) listen() {
	silent, all := 0, 0
	for _, i := range d.links {
		if l := d.peers[i].link; l.watched && !d.down(i) {
			all++
			if d.quiet(l) {
				silent++
			}
		}
	}
	if deaf := !d.mesh() && silent > quorum && 2*silent > all; deaf != d.deaf {
		d.deaf = deaf
		for i := range d.peers {
			d.touch(i)
		}
	}
}

// returned reports whether a node that was down has been back for long enough.
// A higher incarnation does not shorten this: one that flaps raises it each
// time, and two seconds more cost nothing.
func (d *Detector) returned(p *peer) bool {
	if p.back == 0 {
		p.back = d.t
	}
	if d.hears(p) && p.link.streak >= revival {
		return true
	}
	watched := p.link != nil && p.link.watched
	return !(watched && d.hears(p)) && d.t-p.back >= revival*d.cfg.Interval
}

func (d *Detector) turn(i int, to State) {
	p := &d.peers[i]
	if p.state == Alive {
		d.alive--
	}
	if to == Alive {
		d.alive++
	}
	if p.state == Down || to == Down {
		d.rewired = false
	}
	if to == Down && p.link != nil {
		p.link.streak = 0
	}
	p.state, p.since = to, d.now
	d.act(Changed{d.member(i)})
}

// accuse claims what this node's own watch says of a peer.
func (d *Detector) accuse(i int) {
	p := &d.peers[i]
	if d.self < 0 || d.left || p.link == nil || !p.link.watched || p.said != nil && p.said.Left {
		return
	}
	level := d.suspicion(p.link)
	claim := Claim{Node: d.roster.handles[i], Reporter: d.roster.handles[d.self], Incarnation: p.incarnation(), Level: level}
	if level == 0 || !p.lacks(&claim) {
		return
	}
	claim.Sig = d.cfg.Keys.Sign(claim.text(d.roster.ids[i], d.cfg.Self))
	d.hold(i, claim)
	d.spread(rumour{subject: subject{i, claim.Reporter}, urgent: true, from: d.self})
}

// suspicion is what this node would claim of a watched peer. Having heard that
// the peer refuted a claim counts as having heard it, for this only.
func (d *Detector) suspicion(l *link) Level {
	silence := d.t - max(l.heard, l.begun, l.vouched)
	if l.gone {
		return Gone
	}
	if silence >= d.cfg.Down {
		return Silent
	}
	if silence >= d.cfg.Suspect || l.cut {
		return Doubted
	}
	return 0
}

// hold keeps a claim against a peer.
func (d *Detector) hold(i int, c Claim) {
	d.edit(i, func(p *peer) {
		if len(p.claims) == 0 {
			p.accused = d.t
		}
		p.keep(c)
	})
}

// edit changes what is known of a peer, and keeps the summary right.
func (d *Detector) edit(i int, change func(*peer)) {
	p, h := &d.peers[i], d.roster.handles[i]
	d.summary ^= p.sum(h)
	change(p)
	d.summary ^= p.sum(h)
	d.touch(i)
}

// spoke notes that a message came from a peer. For damping, beats must be
// half an interval apart: a burst is one.
func (l *link) spoke(t time.Duration, cfg *Config) {
	switch gap := t - l.counted; {
	case gap >= cfg.Suspect:
		l.streak, l.counted = 1, t
	case gap >= cfg.Interval/2:
		l.streak, l.counted = l.streak+1, t
	}
	l.heard = max(t, 1)
	l.gone, l.cut, l.reset = false, false, false
}
