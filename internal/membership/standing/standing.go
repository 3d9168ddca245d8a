// Package standing decides this node's standing in its shoal, as a pure state
// machine: when the node has caught up and may speak, when it introduces itself,
// with which peers it speaks, which connections it ends, and whether it is still
// a member. It has no clock and does no I/O.
//
// The roster says what each node is; whether a node is up, the failure detector
// says (package liveness).
package standing

import (
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
)

// Machine is one node's standing. It is not safe for concurrent use.
type Machine struct {
	cfg Config

	now     time.Duration
	actions []Action
	next    time.Duration // the earliest deadline of this Step
	woken   time.Duration // the time of the last Wake

	nodes  map[shoal.NodeID]roster.Node
	here   []shoal.NodeID // the present nodes, sorted
	peers  map[shoal.NodeID]*peer
	joined bool // Joined was given

	catchUp
	introduction
	waiting    []visitor             // at the gate, in the order of their coming
	rejectedBy map[shoal.NodeID]bool // nodes that say that this node is not on the roster
}

// never is a deadline that does not come.
const never = time.Duration(1<<63 - 1)

// New returns the machine of a node that knows no roster yet: its first event
// must be a Roster.
func New(cfg Config) *Machine {
	if cfg.Down == 0 {
		cfg.Down = liveness.DefaultDown
	}
	return &Machine{
		cfg: cfg, woken: never, catchUp: newCatchUp(), introduction: introduction{first: true},
		peers: make(map[shoal.NodeID]*peer), rejectedBy: make(map[shoal.NodeID]bool),
	}
}

// Step takes in an event and returns the actions that follow from it, in the order
// in which the shell must perform them. now is a monotonic clock with any beginning;
// a time before that of the last Step counts as that.
func (m *Machine) Step(now time.Duration, e Event) []Action {
	m.now, m.next = max(m.now, now), never
	m.take(e)
	m.settle()
	actions := m.actions
	m.actions = nil
	return actions
}

// take notes the event.
func (m *Machine) take(e Event) {
	switch e := e.(type) {
	case Begin:
		m.begin(e)
	case Roster:
		m.enrol(e.Nodes)
	case Acquainted:
		m.known = slices.Clone(e.Nodes)
	case Connected:
		m.connected(e.Peer)
	case Lost:
		delete(m.peers, e.Peer)
	case Connections:
		m.connections(e.Peers)
	case Told:
		m.met, m.sure = e.Met, e.Sure
	case Recovered:
		m.recovered(e.Peer)
	case Place:
		m.want, m.placed = e.Self, true
	case Said:
		m.said(e.OK)
	case Welcome:
		m.answered(e)
	case Knock:
		m.knock(e)
	case Tick:
	}
}

// settle gives all actions that are due, and a Wake for the first that is not.
func (m *Machine) settle() {
	m.catch()
	m.introduce()
	m.join()
	m.attend()
	m.askWelcome()
	m.open()
	if m.next != m.woken && m.next != never {
		m.woken = m.next
		m.act(Wake{At: m.next})
	}
}

func (m *Machine) act(a Action) { m.actions = append(m.actions, a) }

// due reports whether a deadline has come. If it has not, the shell will wake the
// machine by then.
func (m *Machine) due(at time.Duration) bool {
	if m.now >= at {
		return true
	}
	m.next = min(m.next, at)
	return false
}

// connectedPeers is the connected peers in order of their ids, so that the same
// events give the same actions.
func (m *Machine) connectedPeers() []shoal.NodeID { return slices.Sorted(maps.Keys(m.peers)) }
