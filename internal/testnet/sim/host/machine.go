package host

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
	"shoal/internal/storage/quota"
	"shoal/internal/testnet/sim/disk"
)

// Machine is a computer with a disk, on which a node's process may run.
type Machine struct {
	w       *Net
	Index   int
	ID      shoal.NodeID
	Key     ed25519.PrivateKey
	Role    roster.Role // it is admitted as
	Sponsor *Machine    // whom it joins through; nil for the founder
	Disk    disk.Disk
	Skew    time.Duration // of its wall clock
	Powered bool
	Frozen  bool
	Place   int      // where it is
	Moved   bool     // its folder was copied since it spoke last, and that shows
	Lies    bool     // what it sends is not what it has, and it does not know
	Retired bool     // wiped, removed or revoked: its copies do not count any more
	Process *Process // nil while none runs
	zone    string
	conns   map[int]bool
}

// Add makes a machine, which is off.
func (w *Net) Add(sponsor *Machine) *Machine {
	m := &Machine{
		w: w, Index: len(w.Nodes), Role: roster.Member, Sponsor: sponsor, Disk: disk.New(), Powered: true, conns: make(map[int]bool),
		zone: fmt.Sprintf("zone%d", w.Random.IntN(3)), Skew: time.Duration(w.Random.Int64N(int64(4*time.Second))) - 2*time.Second,
	}
	m.Key, m.ID = KeyOf(m.Name())
	w.Nodes = append(w.Nodes, m)
	return m
}

// KeyOf returns the key and id of the machine of a name.
func KeyOf(name string) (ed25519.PrivateKey, shoal.NodeID) {
	seed := blake3.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	return key, record.NodeOf(key.Public().(ed25519.PublicKey))
}

// Name returns the name of the machine in the trace.
func (m *Machine) Name() string { return fmt.Sprintf("n%d", m.Index) }

// Wall returns the time of the machine's wall clock.
func (m *Machine) Wall() time.Time {
	return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC).Add(m.w.Now() + m.Skew)
}

// Up reports whether a process runs and is not frozen.
func (m *Machine) Up() bool { return m.Process != nil && !m.Frozen }

// Start starts the node.
func (m *Machine) Start() {
	m.Powered, m.Frozen = true, false
	m.Disk.Starts++
	m.Disk.Crash()
	m.w.Note("%s starts", m.Name())
	m.Process = newProcess(m)
	for _, i := range m.Peers() { // what a power cut left behind is reset now
		m.w.Cut(m, m.w.Nodes[i], liveness.Reset)
	}
	m.Process.begin()
}

// Kill ends the process, as kill -9 does: what it wrote stays.
func (m *Machine) Kill() {
	m.w.Note("%s is killed", m.Name())
	m.Process, m.Frozen = nil, false
	for _, i := range m.Peers() {
		m.w.Cut(m, m.w.Nodes[i], liveness.Reset)
	}
}

// CutPower ends the machine at once: nobody is told, and what was not synced is
// lost.
func (m *Machine) CutPower() {
	m.w.Note("%s loses power", m.Name())
	m.Process, m.Frozen, m.Powered = nil, false, false
	m.Disk.Crash()
}

// Thaw has a frozen process go on: first with what waited for it.
func (m *Machine) Thaw() {
	m.w.Note("%s thaws", m.Name())
	m.Frozen = false
	p := m.Process
	backlog := p.backlog
	p.backlog = nil
	for _, do := range backlog {
		p.Hand(do)
	}
}

// Peers returns the machines it is connected with, in order.
func (m *Machine) Peers() []int {
	var peers []int
	for i := range m.conns {
		peers = append(peers, i)
	}
	slices.Sort(peers)
	return peers
}

// Dial makes a connection, or finds out why there is none.
func (w *Net) Dial(from, to *Machine) {
	p := from.Process
	answer := func(wait time.Duration, outcome liveness.Outcome) {
		w.After(wait, func() {
			if from.Process == p {
				p.Hand(func() { p.detect(liveness.Dialled{Peer: to.ID, Outcome: outcome}) })
			}
		})
	}
	switch {
	case !to.Powered, to.Frozen, w.Severed(from, to):
		answer(3*time.Second, liveness.Unknown)
	case to.Process == nil:
		answer(w.Latency(), liveness.Refused)
	default:
		other := to.Process
		w.After(w.Latency(), func() {
			if from.Process == p && to.Process == other && !w.Severed(from, to) {
				w.connect(from, to)
				p.Hand(func() { p.detect(liveness.Dialled{Peer: to.ID, Outcome: liveness.Reached}) })
			}
		})
	}
}

func (w *Net) connect(a, b *Machine) {
	if a.conns[b.Index] {
		return
	}
	a.conns[b.Index], b.conns[a.Index] = true, true
	for _, pair := range [][2]*Machine{{a, b}, {b, a}} {
		if p := pair[0].Process; p != nil {
			p.Hand(func() {
				p.detect(liveness.Connected{Peer: pair[1].ID})
				p.stand(standing.Connected{Peer: pair[1].ID})
			})
		}
	}
}

// Cut ends a connection; both ends that are there learn of it.
func (w *Net) Cut(a, b *Machine, cause liveness.Cause) {
	delete(a.conns, b.Index)
	delete(b.conns, a.Index)
	if w.Severed(a, b) {
		return
	}
	for _, pair := range [][2]*Machine{{a, b}, {b, a}} {
		if p := pair[0].Process; p != nil {
			p.streams.lose(pair[1])
			p.Hand(func() {
				p.detect(liveness.Lost{Peer: pair[1].ID, Cause: cause})
				p.stand(standing.Lost{Peer: pair[1].ID})
			})
		}
	}
}

// bounded returns the disk as the node writes to it: within its limit.
func (m *Machine) bounded() *quota.Store {
	return m.Disk.Bounded(func(id shoal.FileID) int { return m.w.File(id).Index }, m.w.Now)
}

// Allot says how many bytes of chunks the machine may hold; 0 is no limit.
func (m *Machine) Allot(limit int64) {
	m.Disk.Limit = limit
	if m.Process != nil {
		m.Process.quota = m.bounded()
	}
}

// Writer reports whether somebody can write at the machine now.
func (m *Machine) Writer() bool {
	return m.Up() && m.Process.Ready && m.Process.Roster.Node(m.ID).Present() && m.Process.Roster.Node(m.ID).Role >= roster.Member
}

// Stranger returns a machine that is not of the shoal.
func (w *Net) Stranger() Machine {
	m := Machine{w: w, Index: -1}
	m.Key, m.ID = KeyOf("stranger")
	return m
}
