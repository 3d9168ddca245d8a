// Package liveness is the failure detector: a pure state machine that says which
// nodes of the roster are alive, suspect or down, and carries what each says of
// itself to all.
//
// It opens no connection, has no clock and checks no signature of its own. Who
// may be there, and what to do about those who are down, others decide.
//
// The ideas are those of SWIM (Das, Gupta, Motivala, DSN 2002): suspicion,
// incarnations, refutation, rumours on the back of beats. Unlike it, nodes push
// beats over connections that are there anyway, and two must agree before a
// node is down. docs/adr/0012-failure-detector.md says why.
package liveness

import (
	"slices"
	"time"

	"shoal"
)

// Detector is one node's view of all. It is not safe for concurrent use.
type Detector struct {
	cfg    Config
	roster *Roster
	self   int    // this node's index; -1 if it is not on the roster
	peers  []peer // by index; this node's own has no state
	links  []int  // indices of peers that have a link, sorted
	alive  int    // peers in state Alive

	now     time.Duration // the shell's clock
	t       time.Duration // this node's own: it stands still while the process does
	started bool
	actions []Action
	random  uint64
	deaf    bool          // cut off, so that no news is not good news
	waking  time.Duration // own time until which nobody is called down, after a stall

	me
	gossip
	compare

	dirty   []int        // peers to judge before the Step ends
	open    map[int]bool // peers to judge at each Tick, for time alone may change them
	rewired bool         // the neighbours are up to date
	beat    time.Duration
}

// New returns a detector for a node that knows nobody yet; its first event
// should be a *Roster. Errors are shoal.Usage.
func New(cfg Config) (*Detector, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	d := &Detector{cfg: cfg, roster: NewRoster(nil), self: -1, random: cfg.Seed, open: map[int]bool{}}
	d.incarnation, d.rumours = cfg.Incarnation, map[subject]*rumour{}
	d.state()
	return d, nil
}

// Step tells the detector what happened, and gives what is to be done about
// it. now is a monotonic clock with any beginning; it must not go back.
func (d *Detector) Step(now time.Duration, e Event) []Action {
	d.advance(now)
	switch e := e.(type) {
	case Tick:
		d.tick()
	case *Roster:
		d.enrol(e)
	case Heard:
		d.hear(e)
	case Connected:
		d.connected(d.roster.index(e.Peer))
	case Lost:
		d.lost(d.roster.index(e.Peer), e.Cause)
	case Dialled:
		d.dialled(d.roster.index(e.Peer), e.Outcome)
	case Moved:
		d.moved(d.roster.index(e.Peer))
	case Say:
		d.say(e.Own)
	case Leave:
		d.leave()
	}
	d.settle()
	actions := d.actions
	d.actions = nil
	return actions
}

// advance moves the clocks. Ticks should come every Config.Tick: if nothing
// came for an interval then this process stood still, not the others, and its
// own clock leaves that time out. So all its deadlines move by as much. And it
// calls nobody down before it has read what waited for it: the first of that
// may be claims that the last of it refutes.
func (d *Detector) advance(now time.Duration) {
	gap := max(now-d.now, 0)
	if !d.started {
		d.started, gap = true, 0
	}
	stalled := gap > d.cfg.Interval
	if stalled {
		gap = d.cfg.Tick
	}
	d.now, d.t = now, d.t+gap
	if stalled {
		d.waking = d.t + d.cfg.Interval
	}
}

func (d *Detector) tick() {
	d.restate()
	d.refill()
	d.listen()
	for i := range d.open {
		d.touch(i)
	}
	for _, i := range d.links {
		d.touch(i)
	}
	d.settle()
	d.dial()
	d.send()
}

// settle judges whom the event concerned, and tells news.
func (d *Detector) settle() {
	for d.rewire(); len(d.dirty) > 0; d.rewire() {
		batch := d.dirty
		d.dirty = nil
		slices.Sort(batch)
		for _, i := range slices.Compact(batch) {
			d.judge(i)
		}
	}
	d.push()
}

// touch has a peer judged before the Step ends.
func (d *Detector) touch(i int) { d.dirty = append(d.dirty, i) }

func (d *Detector) act(a Action) { d.actions = append(d.actions, a) }

// draw gives a number below n, the same for the same events.
func (d *Detector) draw(n int) int {
	d.random++
	return int(mix(d.random) % uint64(n))
}

// enrol changes the set of nodes that should be there. What is known of those
// that stay is kept.
func (d *Detector) enrol(next *Roster) {
	old, peers := d.roster, d.peers
	d.roster, d.peers = next, make([]peer, next.Len())
	d.links, d.dirty, d.alive = nil, nil, 0
	clear(d.open)
	for i, id := range next.ids {
		d.peers[i].since = d.now
		if was := old.index(id); was >= 0 {
			d.peers[i] = peers[was]
			d.peers[i].claims = slices.DeleteFunc(slices.Clone(peers[was].claims), func(c Claim) bool { return next.find(c.Reporter) < 0 })
		}
		if d.peers[i].state == Alive {
			d.alive++
		}
		if d.peers[i].link != nil {
			d.links = append(d.links, i)
		}
	}
	d.moveRumours(old)
	d.self = next.index(d.cfg.Self)
	if d.self >= 0 {
		d.peers[d.self].said = d.said
		if old.index(d.cfg.Self) < 0 {
			d.spread(rumour{subject: subject{node: d.self}, urgent: true, from: d.self})
		}
	}
	d.rewired = false
	d.summarize()
	for i := range d.peers {
		d.touch(i)
	}
}

// Members gives all nodes of the roster but this one, by id.
func (d *Detector) Members() []Member {
	all := make([]Member, 0, len(d.peers))
	for i := range d.peers {
		if i != d.self {
			all = append(all, d.member(i))
		}
	}
	return all
}

// Member gives one node; false if it is this one or not on the roster.
func (d *Detector) Member(id shoal.NodeID) (Member, bool) {
	i := d.roster.index(id)
	if i < 0 || i == d.self {
		return Member{}, false
	}
	return d.member(i), true
}

func (d *Detector) member(i int) Member {
	p := &d.peers[i]
	m := Member{Node: d.roster.ids[i], State: p.state, Since: p.since}
	if p.said != nil {
		m.Left, m.Own = p.state == Down && p.said.Left, p.said.Own
	}
	return m
}
