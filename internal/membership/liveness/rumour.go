package liveness

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"
)

// The bounds of telling rumours.
const (
	// fanOut is how many peers are told of urgent news at once; the rest hear
	// of it with the next beats.
	fanOut = 4
	// urgency is how much more often urgent news is told than others.
	urgency = 2
	// burst is how many seconds of rumours may be told at once after a lull.
	burst = 10
)

// rumour is something to tell others: a node's statement, or a claim against
// it if reporter is set. What it says is looked up when it is told, so the
// newest is told, and what was refuted meanwhile is not.
type rumour struct {
	subject
	urgent bool
	from   int // who told it; it is not told back
	left   int // how many more times it is told
	born   uint64
}

// subject is what a rumour is about.
type subject struct {
	node     int
	reporter Handle // 0 for the node's statement
}

// gossip is what there is to tell.
type gossip struct {
	rumours map[subject]*rumour
	queue   []*rumour // those of rumours that are still told, in the order of telling
	fresh   bool      // urgent news came that nobody was told
	pushed  time.Duration
	tokens  float64 // bytes of not urgent rumours that may be told now
	filled  time.Duration
	births  uint64
}

// tellings is how often a rumour is told by each node: lambda log2 n, after
// which all have heard it but with a probability that falls as a power of n
// (Demers et al., Epidemic algorithms, PODC 1987; SWIM, section 4.1).
func (d *Detector) tellings(r *rumour) int {
	n := bits.Len(uint(d.roster.Len()))
	if r.urgent {
		n *= urgency
	}
	if r.from == d.self {
		n = max(n, len(d.links)) // its first teller tells all it can
	}
	return n
}

// spread begins to tell a rumour, in place of an older one about the same.
func (d *Detector) spread(r rumour) {
	d.births++
	r.left, r.born = d.tellings(&r), d.births
	d.rumours[r.subject] = &r
	d.fresh = d.fresh || r.urgent
}

// known notes that a rumour was heard again: it needs telling once less.
func (d *Detector) known(about subject) {
	if r := d.rumours[about]; r != nil && r.from != d.self {
		r.left--
	}
}

// moveRumours keeps the rumours about nodes that stay on the roster.
func (d *Detector) moveRumours(old *Roster) {
	move := func(i int) int {
		if i < 0 {
			return i
		}
		return d.roster.index(old.ids[i])
	}
	kept := make(map[subject]*rumour, len(d.rumours))
	for _, r := range d.rumours {
		r.node, r.from = move(r.node), move(r.from)
		if r.node >= 0 {
			kept[r.subject] = r
		}
	}
	d.rumours, d.queue = kept, nil
}

// refill lets time pass for the bytes of rumours that may be told.
func (d *Detector) refill() {
	rate := float64(d.cfg.RumourRate)
	d.tokens = min(burst*rate, d.tokens+(d.t-d.filled).Seconds()*rate)
	d.filled = d.t
}

// spend takes bytes from those that may be told; a debt is soon paid off.
func (d *Detector) spend(size int) {
	d.tokens = max(d.tokens-float64(size), -burst*float64(d.cfg.RumourRate))
}

// order puts the rumours in the order of telling: the urgent first, then those
// told least, then the oldest; and forgets those told often enough.
func (d *Detector) order() {
	maps.DeleteFunc(d.rumours, func(_ subject, r *rumour) bool { return r.left <= 0 || d.void(r) })
	d.queue = slices.SortedFunc(maps.Values(d.rumours), func(a, b *rumour) int {
		if a.urgent != b.urgent {
			return map[bool]int{true: -1, false: 1}[a.urgent]
		}
		return cmp.Or(cmp.Compare(b.left, a.left), cmp.Compare(a.born, b.born))
	})
}

// void reports whether there is nothing to tell any more.
func (d *Detector) void(r *rumour) bool {
	p := &d.peers[r.node]
	if r.reporter != 0 {
		return p.claim(r.reporter) == nil
	}
	return p.said == nil
}

// push tells urgent news to a few at once; the peers are drawn. One node does
// so once a tick, however much news there is.
func (d *Detector) push() {
	if !d.fresh || d.t-d.pushed < d.cfg.Tick && d.pushed > 0 {
		return
	}
	d.fresh, d.pushed = false, max(d.t, 1)
	d.order()
	up := d.connections()
	for k := range min(fanOut, len(up)) {
		other := k + d.draw(len(up)-k)
		up[k], up[other] = up[other], up[k]
		d.deliver(up[k])
	}
}

// connections gives the peers to which messages can be sent.
func (d *Detector) connections() []int {
	var up []int
	for _, i := range d.links {
		if d.peers[i].link.up {
			up = append(up, i)
		}
	}
	return up
}

// send sends the messages of a tick: a beat to whom one is due, and what is
// owed to others.
func (d *Detector) send() {
	d.order()
	beat := d.t >= d.beat
	if beat {
		d.beat = max(d.beat, d.t-d.cfg.Tick) + d.cfg.Interval
	}
	d.chooseForComparison()
	first := 0 // where to begin: a rumour told for the last time must not always miss the same
	if beat {
		first = d.draw(max(1, len(d.links)))
	}
	for k := range d.links {
		i := d.links[(first+k)%len(d.links)]
		l := d.peers[i].link
		if !l.up {
			continue
		}
		nudge := beat && l.watched && l.overdue(d.t, d.cfg.Interval)
		if beat && l.beaten || nudge || l.owes != 0 || i == d.asked {
			d.deliver(i)
		}
	}
	d.asked = -1
}

// content is what a rumour says now.
func (d *Detector) content(r *rumour) (*Statement, *Claim) {
	p := &d.peers[r.node]
	if r.reporter != 0 {
		return nil, p.claim(r.reporter)
	}
	return p.said, nil
}
