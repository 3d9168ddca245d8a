package sim

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"lukechampine.com/blake3"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/record"
)

// machine is a computer with a disk, on which a node's process may run.
type machine struct {
	w       *world
	index   int
	id      shoal.NodeID
	key     ed25519.PrivateKey
	role    roster.Role // it is admitted as
	zone    string
	sponsor *machine // whom it joins through; nil for the founder
	disk    disk
	skew    time.Duration // of its wall clock
	powered bool
	frozen  bool
	place   int  // where it is
	moved   bool // its folder was copied since it spoke last, and that shows
	backups []snapshot
	left    time.Duration // when all knew that it is out
	lies    bool          // what it sends is not what it has, and it does not know
	retired bool          // wiped, removed or revoked: its copies do not count any more
	process *process
	conns   map[int]bool
	well    map[int]wellness // with other machines
}

// add makes a machine, which is off.
func (w *world) add(sponsor *machine) *machine {
	m := &machine{
		w: w, index: len(w.nodes), role: roster.Member, sponsor: sponsor, disk: newDisk(), powered: true, conns: make(map[int]bool), well: make(map[int]wellness),
		zone: fmt.Sprintf("zone%d", w.random.IntN(3)), skew: time.Duration(w.random.Int64N(int64(4*time.Second))) - 2*time.Second,
	}
	m.key, m.id = keyOf(m.name())
	w.nodes = append(w.nodes, m)
	return m
}

// keyOf is the identity that has a name.
func keyOf(name string) (ed25519.PrivateKey, shoal.NodeID) {
	seed := blake3.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	return key, record.NodeOf(key.Public().(ed25519.PublicKey))
}

// name is what the trace calls it.
func (m *machine) name() string { return fmt.Sprintf("n%d", m.index) }

// wall is the machine's wall clock.
func (m *machine) wall() time.Time {
	return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC).Add(m.w.Now() + m.skew)
}

// up reports whether a process runs and is not frozen.
func (m *machine) up() bool { return m.process != nil && !m.frozen }

// start starts the node.
func (m *machine) start() {
	m.powered, m.frozen = true, false
	m.disk.starts++
	m.disk.crash()
	m.w.note("%s starts", m.name())
	m.process = newProcess(m)
	for _, i := range m.peers() { // what a power cut left behind is reset now
		m.w.cut(m, m.w.nodes[i], liveness.Reset)
	}
	m.process.begin()
}

// kill ends the process, as kill -9 does: what it wrote stays.
func (m *machine) kill() {
	m.w.note("%s is killed", m.name())
	m.process, m.frozen = nil, false
	for _, i := range m.peers() {
		m.w.cut(m, m.w.nodes[i], liveness.Reset)
	}
}

// cutPower ends the machine at once: nobody is told, and what was not synced is
// lost.
func (m *machine) cutPower() {
	m.w.note("%s loses power", m.name())
	m.process, m.frozen, m.powered = nil, false, false
	m.disk.crash()
}

// thaw has a frozen process go on: first with what waited for it.
func (m *machine) thaw() {
	m.w.note("%s thaws", m.name())
	m.frozen = false
	p := m.process
	backlog := p.backlog
	p.backlog = nil
	for _, do := range backlog {
		p.hand(do)
	}
}

// peers is the machines it is connected with, in order.
func (m *machine) peers() []int {
	var peers []int
	for i := range m.conns {
		peers = append(peers, i)
	}
	slices.Sort(peers)
	return peers
}

// dial makes a connection, or finds out why there is none.
func (w *world) dial(from, to *machine) {
	p := from.process
	answer := func(wait time.Duration, outcome liveness.Outcome) {
		w.After(wait, func() {
			if from.process == p {
				p.hand(func() { p.detect(liveness.Dialled{Peer: to.id, Outcome: outcome}) })
			}
		})
	}
	switch {
	case !to.powered, to.frozen, w.severed(from, to):
		answer(3*time.Second, liveness.Unknown)
	case to.process == nil:
		answer(w.latency(), liveness.Refused)
	default:
		other := to.process
		w.After(w.latency(), func() {
			if from.process == p && to.process == other && !w.severed(from, to) {
				w.connect(from, to)
				p.hand(func() { p.detect(liveness.Dialled{Peer: to.id, Outcome: liveness.Reached}) })
			}
		})
	}
}

func (w *world) connect(a, b *machine) {
	if a.conns[b.index] {
		return
	}
	a.conns[b.index], b.conns[a.index] = true, true
	for _, pair := range [][2]*machine{{a, b}, {b, a}} {
		if p := pair[0].process; p != nil {
			p.hand(func() {
				p.detect(liveness.Connected{Peer: pair[1].id})
				p.stand(standing.Connected{Peer: pair[1].id})
			})
		}
	}
}

// cut ends a connection; both ends that are there learn of it.
func (w *world) cut(a, b *machine, cause liveness.Cause) {
	delete(a.conns, b.index)
	delete(b.conns, a.index)
	if w.severed(a, b) {
		return
	}
	for _, pair := range [][2]*machine{{a, b}, {b, a}} {
		if p := pair[0].process; p != nil {
			p.lose(pair[1])
			p.hand(func() {
				p.detect(liveness.Lost{Peer: pair[1].id, Cause: cause})
				p.stand(standing.Lost{Peer: pair[1].id})
			})
		}
	}
}
