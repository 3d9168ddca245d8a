package liveness

// differing is after how many messages in a row with another summary a peer's
// table is compared with this node's: rumours under way are no difference.
const differing = 3

// hear takes in a message. A claim or statement with a wrong signature ends
// it: no honest node passes one on.
func (d *Detector) hear(e Heard) {
	i, m := d.roster.index(e.From), e.Message
	if i < 0 || i == d.self || d.self < 0 || m == nil {
		return
	}
	l := d.peers[i].link
	if l == nil {
		l = d.attach(i) // a message overtook its connection
	}
	l.spoke(d.t, &d.cfg)
	d.touch(i)
	d.identify(i, m)
	first, honest := d.takeIn(i, m)
	if !honest {
		return
	}
	d.settleDebts(i, m)
	d.compareWith(i, m, first)
}

// identify finds out whether two processes speak for one node. A restart has
// a new nonce and a higher incarnation; only a clone goes back to an old nonce
// and has a higher one still.
func (d *Detector) identify(i int, m *Message) {
	l := d.peers[i].link
	switch {
	case m.Incarnation < l.life:
	case m.Nonce == l.nonce:
		l.life = m.Incarnation
	case m.Incarnation > l.life:
		if l.rival != 0 && m.Nonce == l.rival {
			d.act(Cloned{Node: d.roster.ids[i], Nonce: m.Nonce})
		}
		l.nonce, l.rival, l.life = m.Nonce, l.nonce, m.Incarnation
	}
}

// takeIn takes the statements and claims; first is whether any was of a node
// of which nothing was known.
func (d *Detector) takeIn(from int, m *Message) (first, honest bool) {
	for _, s := range m.Statements {
		isFirst, honest := d.learn(from, s, m.Flags)
		if !honest {
			return false, false
		}
		first = first || isFirst
	}
	for k := range m.Claims {
		if !d.weigh(from, &m.Claims[k]) {
			return false, false
		}
	}
	return first, true
}

// learn takes in a statement.
func (d *Detector) learn(from int, s *Statement, how Flags) (first, honest bool) {
	i := d.roster.find(s.Node)
	switch {
	case i < 0:
		return false, true
	case i == d.self:
		d.confront(s)
		return false, true
	}
	p := &d.peers[i]
	old := p.said
	if !s.newer(old) {
		d.known(subject{node: i})
		return false, true
	}
	if !d.cfg.Keys.Verify(d.roster.ids[i], s.text(d.roster.ids[i]), s.Sig) {
		return false, false
	}
	reborn := old == nil || s.Incarnation > old.Incarnation
	d.edit(i, func(p *peer) {
		p.said = s
		if reborn {
			p.claims = nil
		}
	})
	if reborn && p.link != nil {
		p.link.vouched, p.link.gone, p.link.cut = d.t, false, false
	}
	d.act(Told{d.member(i)})
	if how&Compared == 0 || old != nil {
		d.spread(rumour{subject: subject{node: i}, urgent: how&Compared == 0 && (reborn || s.Left), from: from})
	}
	return old == nil, true
}

// weigh takes in a claim.
func (d *Detector) weigh(from int, c *Claim) (honest bool) {
	i, reporter := d.roster.find(c.Node), d.roster.find(c.Reporter)
	if i < 0 || reporter < 0 || i == reporter {
		return true
	}
	p := &d.peers[i]
	if !p.lacks(c) && (i != d.self || c.Incarnation != 0) {
		d.known(subject{i, c.Reporter})
		return true
	}
	if !d.cfg.Keys.Verify(d.roster.ids[reporter], c.text(d.roster.ids[i], d.roster.ids[reporter]), c.Sig) {
		return false
	}
	if i == d.self {
		d.refute(c)
		return true
	}
	d.hold(i, *c)
	d.spread(rumour{subject: subject{i, c.Reporter}, urgent: true, from: from})
	if d.hears(p) {
		p.link.owes |= oweTheirs // it is alive: let it know what is said of it
	}
	return true
}

// settleDebts notes what the sender should be sent.
func (d *Detector) settleDebts(i int, m *Message) {
	p := &d.peers[i]
	if m.Flags&Answer != 0 {
		p.link.owes |= oweAnswer
	}
	if m.Flags&Want != 0 {
		p.link.owes |= oweSaid
	}
	if p.said == nil || m.Incarnation > p.said.Incarnation {
		p.link.owes |= oweWant
	} else if m.Incarnation < p.said.Incarnation || p.said.Left || len(p.claims) > 0 {
		p.link.owes |= oweTheirs
	}
}
