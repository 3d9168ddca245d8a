package liveness

import (
	"slices"
	"time"
)

// minRumour is the size of the smallest rumour.
const minRumour = 82

// parcel is a message that is being filled.
type parcel struct {
	*Message
	size int
}

// parcel begins a message with nothing but the beat.
func (d *Detector) parcel(flags Flags) *parcel {
	m := &Message{Flags: flags, Incarnation: d.incarnation, Seq: d.said.Seq, Nonce: d.cfg.Nonce, Summary: d.summary}
	return &parcel{m, m.Size()}
}

// add adds the one of the two that is not nil, if there is room and it is not
// there already.
func (m *parcel) add(s *Statement, c *Claim) (fits bool) {
	if s != nil {
		return m.addStatement(s)
	}
	if slices.Contains(m.Claims, *c) {
		return true
	}
	if len(m.Claims) == MaxClaims || m.size+c.size() > MaxMessage {
		return false
	}
	m.Claims, m.size = append(m.Claims, *c), m.size+c.size()
	return true
}

func (m *parcel) addStatement(s *Statement) (fits bool) {
	if slices.Contains(m.Statements, s) {
		return true
	}
	if len(m.Statements) == MaxStatements || m.size+s.size() > MaxMessage {
		return false
	}
	m.Statements, m.size = append(m.Statements, s), m.size+s.size()
	return true
}

// addBuckets adds buckets, if there is room.
func (m *parcel) addBuckets(sums []uint32) {
	if m.size+4*len(sums) <= MaxMessage {
		m.Buckets, m.size = sums, m.size+4*len(sums)
	}
}

// addAll adds what is known of a node.
func (d *Detector) addAll(m *parcel, i int) (fits bool) {
	p := &d.peers[i]
	fits = p.said == nil || m.add(p.said, nil)
	for k := range p.claims {
		fits = m.add(nil, &p.claims[k]) && fits
	}
	return fits
}

// addRumours fills a message to a peer with what there is to tell.
func (d *Detector) addRumours(m *parcel, to int) {
	for _, r := range d.queue {
		if m.size+minRumour > MaxMessage {
			return
		}
		if r.left <= 0 || r.from == to || !r.urgent && d.tokens <= 0 || d.void(r) {
			continue
		}
		s, c := d.content(r)
		before := m.size
		if r.node == to && s != nil || !m.add(s, c) {
			continue
		}
		r.left--
		if !r.urgent {
			d.spend(m.size - before)
		}
	}
}

// deliver sends a message to a peer: what is owed to it, then rumours.
func (d *Detector) deliver(i int) {
	if d.self < 0 {
		return
	}
	l := d.peers[i].link
	m := d.parcel(l.flags(d))
	if i == d.asked {
		m.addBuckets(d.buckets())
		d.spend(4 * len(m.Buckets))
	}
	if l.owes&oweSaid != 0 {
		m.add(d.said, nil)
	}
	if l.owes&oweTheirs != 0 {
		d.addAll(m, i)
	}
	l.owes = 0
	d.addRumours(m, i)
	d.act(Send{To: d.roster.ids[i], Message: m.Message})
}

// flags is what to ask of the peer.
func (l *link) flags(d *Detector) (flags Flags) {
	if l.watched && l.overdue(d.t, d.cfg.Interval) {
		flags |= Answer
	}
	if l.owes&oweWant != 0 {
		flags |= Want
	}
	return flags
}

// overdue reports whether the peer's beats are missed, and it should be asked.
func (l *link) overdue(now, interval time.Duration) bool {
	return now-max(l.heard, l.begun) >= 2*interval
}
