package liveness

import (
	"math/bits"
	"time"
)

// The bounds of comparing tables.
const (
	// comparing is the least time between two comparisons that this node asks
	// for, but while they bring nodes of which nothing was known.
	comparing = 5 * time.Second
	// bucketNodes is how many nodes share a bucket, as long as there are at
	// most MaxBuckets buckets.
	bucketNodes = 8
	// comparedReplies is how many messages answer one comparison.
	comparedReplies = 4
)

// compare is how nodes find out what rumours did not bring them: summaries of
// their tables in each message, and where those differ, of parts of the
// tables (anti-entropy, as in Demers et al., PODC 1987).
type compare struct {
	summary  uint32        // of all peers, this node among them
	compared time.Duration // when a comparison may be asked for next
	asked    int           // who is asked in this tick; -1 for nobody
	hungry   bool          // the last comparison brought nodes of which nothing was known
}

// summarize computes the summary anew.
func (d *Detector) summarize() {
	d.summary, d.asked = 0, -1
	for i := range d.peers {
		d.summary ^= d.peers[i].sum(d.roster.handles[i])
	}
}

// buckets are summaries of equal parts of the table, by handle.
func (d *Detector) buckets() []uint32 {
	n := (d.roster.Len() + bucketNodes - 1) / bucketNodes
	return d.bucketsOf(min(MaxBuckets, 1<<bits.Len(uint(max(n, 1)-1))))
}

func (d *Detector) bucketsOf(n int) []uint32 {
	sums := make([]uint32, n)
	for i := range d.peers {
		h := d.roster.handles[i]
		sums[uint64(h)%uint64(n)] ^= d.peers[i].sum(h)
	}
	return sums
}

// compareWith acts on what a message says of the sender's table.
func (d *Detector) compareWith(i int, m *Message, first bool) {
	l := d.peers[i].link
	l.differs++
	if m.Summary == d.summary {
		l.differs = 0
	}
	if m.Flags&Compared != 0 {
		d.spend(m.Size()) // who asks pays, as for rumours
		d.hungry = d.hungry || first
	}
	if d.hungry {
		l.differs = differing // there is more where this came from
	}
	if len(m.Buckets) > 0 && (d.t-l.replied >= d.cfg.Tick || l.replied == 0) {
		l.replied = max(d.t, 1)
		d.reply(i, m)
	}
}

// reply sends what the sender's table may lack. The last message has this
// node's own buckets, if it does not itself answer some, so that the sender
// can do the same in turn, and then it ends.
func (d *Detector) reply(to int, asked *Message) {
	mine, n := d.bucketsOf(len(asked.Buckets)), len(asked.Buckets)
	first, sent := d.draw(len(d.peers)), 0
	m := d.parcel(Compared)
	for k := range d.peers {
		i := (first + k) % len(d.peers)
		at := uint64(d.roster.handles[i]) % uint64(n)
		if mine[at] == asked.Buckets[at] || d.addAll(m, i) {
			continue
		}
		d.act(Send{To: d.roster.ids[to], Message: m.Message})
		if sent++; sent == comparedReplies {
			return
		}
		m = d.parcel(Compared)
		d.addAll(m, i)
	}
	if asked.Flags&Compared == 0 {
		m.addBuckets(mine)
	}
	if len(m.Buckets)+len(m.Statements)+len(m.Claims) > 0 {
		d.act(Send{To: d.roster.ids[to], Message: m.Message})
	}
}

// chooseForComparison draws a peer whose table differs, if it is time.
func (d *Detector) chooseForComparison() {
	d.asked = -1
	if !d.hungry && (d.t < d.compared || d.tokens < 0) {
		return
	}
	var candidates []int
	for _, i := range d.links {
		if l := d.peers[i].link; l.up && l.differs >= differing {
			candidates = append(candidates, i)
		}
	}
	if len(candidates) > 0 {
		d.asked = candidates[d.draw(len(candidates))]
		d.compared, d.hungry = d.t+comparing, false
	}
}
