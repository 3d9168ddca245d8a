package reconcile

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
)

// fullBelow is the room, in bytes, below which a node says that it is full.
const fullBelow = 64 << 20

// lacks is the bytes of each file that this node should hold and lacks, and has no
// proof that other nodes hold in its place.
type lacks struct {
	of    map[shoal.FileID]int64
	bytes int64
}

// set notes the bytes that a file lacks; 0 is none.
func (l *lacks) set(id shoal.FileID, bytes int64) {
	l.bytes += bytes - l.of[id]
	if bytes == 0 {
		delete(l.of, id)
	} else {
		l.of[id] = bytes
	}
}

// report tells all nodes of missing chunks when their number has changed. While
// files wait to be decided on it does so seldom: the last report proves nothing
// about a newer journal or census anyway (State.Shoal). Damage is told at once.
func (m *Machine) report() {
	now := m.now.Mono
	if !m.busy() {
		m.settled = now
	}
	m.progress.note(now, uint64(m.lacks.bytes)+m.lacking())
	due := now >= m.reported+reportEvery
	if !due && !m.hurry && (m.account() == m.own || now < m.saidBy()) {
		return
	}
	m.own, m.reported, m.hurry = m.account(), now, false
	m.do(Report{Account: m.own, Free: m.free, Full: m.free <= fullBelow})
}

// saidBy is when the next report may be made.
func (m *Machine) saidBy() time.Duration {
	if !m.busy() {
		return 0
	}
	return max(m.settled, m.reported) + reportLull
}

// busy reports whether files wait to be decided on, other than by a sweep in
// which nothing is new.
func (m *Machine) busy() bool {
	return len(m.backlog.news) > 0 || m.backlog.looking || m.backlog.urgent > 0 ||
		m.sweep.wanted || m.sweep.active && !m.sweep.routine
}

// account is this node's statement about itself. It is done when it has looked at every
// file of this journal by this census, and has all it should.
func (m *Machine) account() safety.Account {
	count := func(n int) uint32 { return uint32(min(n, 1<<31)) }
	return safety.Account{
		Map: m.digest, Log: m.log, Files: count(len(m.lacks.of)), Bytes: uint64(m.lacks.bytes),
		Refused: count(len(m.refused)), Stuck: count(m.backlog.retries.stuck),
		Done: m.sweep.complete && !m.busy() && m.keeper.Idle() && len(m.backlog.unlooked) == 0 && !m.late,
	}
}

// progress is how the bytes that all nodes lack became fewer.
type progress struct {
	samples []sample // the oldest first
}

type sample struct {
	at    time.Duration
	bytes uint64
}

// The samples of a minute count.
const (
	sampleEvery     = 5 * time.Second
	progressSamples = 12
)

// note adds a sample if it is time. When there is more to copy than before, an older
// speed means nothing.
func (p *progress) note(at time.Duration, bytes uint64) {
	n := len(p.samples)
	if n > 0 && at < p.samples[n-1].at+sampleEvery {
		return
	}
	if n > 0 && bytes > p.samples[n-1].bytes {
		p.samples = p.samples[:0]
	}
	p.samples = append(slices.Clone(p.samples[max(0, len(p.samples)-progressSamples+1):]), sample{at, bytes})
}

// rate is how many bytes a second were copied; 0 if that is not known.
func (p *progress) rate() float64 {
	if len(p.samples) < 2 {
		return 0
	}
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	return float64(first.bytes-last.bytes) / (last.at - first.at).Seconds()
}

// State is a machine's knowledge at one moment. Nothing in it changes later.
type State struct {
	View    repair.View
	Own     safety.Account // as it was last reported
	Peers   []Peer         // storage nodes of the roster
	Stepped Clock          // of the Step after which it was so
	Woke    time.Duration  // when the process was last found to have stood still; 0 is never
	Rate    float64        // bytes a second that all nodes together copied lately; 0 if not known
}

// State returns the machine's knowledge now.
func (m *Machine) State() State {
	return State{View: m.view, Own: m.own, Peers: m.peers, Stepped: m.now, Woke: m.woke, Rate: m.progress.rate()}
}

// Outside is facts about this node from outside the machine.
type Outside struct {
	Log    [8]byte     // of the journal now
	Wanted map[int]int // the number of files for each number of wanted copies
	Out    string      // why this node is not in the shoal; empty if it is
	Lost   bool        // its journal is lost
	Moved  bool        // its folder was copied, restored or mended
}

// Shoal returns the facts for safety.Judge at a moment. A report that was made for another
// journal or another census proves nothing.
func (s State) Shoal(now Clock, cfg Config, o Outside) safety.Shoal {
	own := s.Own
	own.Done = own.Done && own.Map == s.View.In.Digest() && own.Log == o.Log
	all := safety.Shoal{
		Own: own, Keeps: s.View.In.Has(cfg.Self), Braked: s.View.Braked, Wanted: o.Wanted, Rate: s.Rate,
		Out: o.Out, Lost: o.Lost, Moved: o.Moved,
		Asleep: gap(s.Stepped, now) > stall || s.Woke > 0 && now.Mono < s.Woke+cfg.Waking,
	}
	names := make(map[shoal.NodeID]string)
	for _, p := range s.Peers {
		names[p.ID] = p.Name
		if p.ID != cfg.Self && s.View.In.Has(p.ID) {
			all.Others = append(all.Others, safety.Node{Name: p.Name, Up: p.Alive, Known: p.Reported, Account: p.Report})
		}
	}
	for _, id := range s.View.Away {
		all.Away = append(all.Away, names[id])
	}
	slices.Sort(all.Away)
	if s.View.Next > 0 {
		all.Delay = max(s.View.Next-now.Mono, time.Second)
	}
	return all
}
