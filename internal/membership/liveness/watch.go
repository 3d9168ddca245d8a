package liveness

import (
	"iter"
	"slices"
	"time"
)

// The bounds of whom a node keeps up connections to.
const (
	// maxPassed is how many nodes in a row that are down a ring is followed
	// across, so that their watchers' watchers take over.
	maxPassed = 64
	// redial and redialDown are the waits between dials of a peer that is
	// wanted and does not answer. One that comes back dials, too.
	redial     = 2 * time.Second
	redialDown = 10 * time.Second
	// dialTimeout is when a Dial without a Dialled is given up.
	dialTimeout = 30 * time.Second
)

// rewire finds whom this node watches and to whom it beats, after the roster
// or who is down has changed.
func (d *Detector) rewire() {
	if d.rewired {
		return
	}
	d.rewired = true
	watched, beaten := d.neighbours()
	for i := range d.peers {
		l, wanted := d.peers[i].link, watched[i] || beaten[i]
		if l == nil && wanted {
			l = d.attach(i)
		}
		if l == nil {
			continue
		}
		if watched[i] != l.watched {
			d.touch(i)
			l.begun = d.t
		}
		l.watched, l.beaten = watched[i], beaten[i]
		if !wanted && !l.up {
			d.detach(i)
		}
	}
}

func (d *Detector) attach(i int) *link {
	l := &link{begun: d.t, vouched: d.t}
	d.peers[i].link = l
	at, _ := slices.BinarySearch(d.links, i)
	d.links = slices.Insert(d.links, at, i)
	return l
}

func (d *Detector) detach(i int) {
	d.peers[i].link = nil
	if at, found := slices.BinarySearch(d.links, i); found {
		d.links = slices.Delete(d.links, at, at+1)
	}
}

// mesh reports whether all watch all.
func (d *Detector) mesh() bool { return d.roster.Len() <= d.cfg.FullMesh }

// neighbours gives whom this node watches and to whom it beats. On a ring
// those who are down are passed over, and watched all the same.
func (d *Detector) neighbours() (watched, beaten map[int]bool) {
	watched, beaten = map[int]bool{}, map[int]bool{}
	if d.self < 0 || d.left {
		return watched, beaten
	}
	if d.mesh() {
		for i := range d.peers {
			watched[i], beaten[i] = i != d.self, i != d.self
		}
		return watched, beaten
	}
	for k := range d.cfg.Watchers {
		for i := range d.along(k, d.self, +1) {
			beaten[i] = true
		}
		for i := range d.along(k, d.self, -1) {
			watched[i] = true
		}
	}
	return watched, beaten
}

// along gives the nodes after i on ring k, or those before it, up to the first
// that is not down.
func (d *Detector) along(k, i, step int) iter.Seq[int] {
	return func(yield func(int) bool) {
		passed := 0
		d.roster.next(k, i, step, func(other int) bool {
			passed++
			return yield(other) && d.down(other) && passed <= maxPassed
		})
	}
}

func (d *Detector) down(i int) bool { return i != d.self && d.peers[i].state == Down }

// dial asks for the connections that are wanted and not there. Of two nodes
// that want each other the one with the smaller id goes first, so that they do
// not meet half-way with two; for a moment only, for it may have been here all
// along, and not know where the other is now.
func (d *Detector) dial() {
	for _, i := range d.links {
		l := d.peers[i].link
		if !l.up && (l.watched || l.beaten) && d.due(i) {
			d.dialNow(i)
		}
	}
}

// due reports whether it is time to dial a peer that is wanted and not there.
func (d *Detector) due(i int) bool {
	l := d.peers[i].link
	if l.dialing && d.t-l.dialled < dialTimeout {
		return false
	}
	if l.dialled == 0 {
		return i > d.self || d.t-l.begun >= d.cfg.Interval/2
	}
	wait := redial
	if d.peers[i].state == Down {
		wait = redialDown
	}
	return d.t-l.dialled >= wait
}

func (d *Detector) dialNow(i int) {
	l := d.peers[i].link
	l.dialing, l.dialled, l.moved = true, max(d.t, 1), false
	d.act(Dial{d.roster.ids[i]})
}

// connected greets a peer with all it may lack.
func (d *Detector) connected(i int) {
	if i < 0 || i == d.self {
		return
	}
	l := d.peers[i].link
	if l == nil {
		l = d.attach(i)
	}
	l.up, l.dialing, l.gone, l.cut, l.reset = true, false, false, false, false
	l.owes |= oweSaid | oweTheirs | oweWant
	d.touch(i)
	d.deliver(i)
}

func (d *Detector) lost(i int, cause Cause) {
	if i < 0 || d.peers[i].link == nil {
		return
	}
	l := d.peers[i].link
	l.up, l.reset, l.owes = false, cause == Reset, 0
	switch {
	case !l.watched && !l.beaten:
		d.detach(i)
	case !l.dialing:
		d.dialNow(i)
	}
}

// moved has a peer dialled at once that was dialled in vain, or is being: at the
// old place whoever is there may take his time. If it was not yet, its turn comes
// soon.
func (d *Detector) moved(i int) {
	if i < 0 || d.peers[i].link == nil {
		return
	}
	switch l := d.peers[i].link; {
	case l.up || l.dialled == 0 || !l.watched && !l.beaten:
	case l.moved: // and being dialled twice
	default:
		twice := l.dialing
		d.dialNow(i)
		l.moved = twice
	}
}

// dialled takes a refusal as proof that the peer's process is gone: its
// machine answers, and nobody is there. No answer proves nothing, but beside a
// reset it is reason to doubt.
func (d *Detector) dialled(i int, outcome Outcome) {
	if i < 0 || d.peers[i].link == nil {
		return
	}
	l := d.peers[i].link
	if l.moved && outcome != Reached { // it is not at the wrong place, which says nothing
		l.moved = false
		return
	}
	l.dialing, l.moved = false, false
	switch {
	case l.up:
	case outcome == Reached:
		d.connected(i)
	case outcome == Refused:
		l.gone = true
	default:
		l.cut = l.reset
	}
	d.touch(i)
}
