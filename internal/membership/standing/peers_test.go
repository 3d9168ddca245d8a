package standing_test

import (
	"slices"
	"testing"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
)

// member is a machine that is on the roster with these others. It does not speak yet.
func member(t *testing.T, others ...shoal.NodeID) *script {
	t.Helper()
	s := play(t, standing.Config{Sponsor: a})
	all := append([]shoal.NodeID{self}, others...)
	s.does(nodes(all...), enrol(all...))
	return s
}

// meets connects a peer of the roster, which says that this node is welcome.
func (s *script) meets(id shoal.NodeID) {
	s.t.Helper()
	s.does(standing.Connected{Peer: id}, standing.Greet{Peer: id}, standing.Ask{Peer: id})
	s.does(standing.Welcome{Peer: id, Answer: standing.Yes})
}

func TestWhoIsSpokenWith(t *testing.T) {
	all := standing.Roster{Nodes: []roster.Node{
		{ID: "active", Role: roster.Reader},
		{ID: "draining", Role: roster.Member, State: roster.Draining},
		{ID: "removed", Role: roster.Member, State: roster.Removed},
		{ID: "revoked", Role: roster.Admin, State: roster.Revoked},
		{ID: self, Role: roster.Member},
	}}
	s := play(t, standing.Config{Sponsor: "sponsor"})
	if !s.Allows("sponsor") || s.Allows("active") || s.Allows("") || s.Expelled("sponsor") {
		t.Error("before the roster is known only the sponsor is spoken with")
	}
	s.does(all, enrol("active", "draining", self))
	for id, want := range map[shoal.NodeID][2]bool{
		"active": {true, false}, "draining": {true, false}, "removed": {false, true}, "revoked": {false, true},
		"stranger": {false, false}, "sponsor": {false, false}, "": {false, false},
	} {
		if got := [2]bool{s.Allows(id), s.Expelled(id)}; got != want {
			t.Errorf("%q: allowed and expelled are %v, want %v", id, got, want)
		}
	}
	if got := s.Here(); !slices.Equal(got, []shoal.NodeID{"active", "draining", self}) {
		t.Errorf("here are %v", got)
	}
}

func TestANodeWithoutSponsorSpeaksWithNobodyUnknown(t *testing.T) {
	s := play(t, standing.Config{})
	if s.Allows("") || s.Seeks() != nil {
		t.Error("nobody is a sponsor")
	}
}

func TestWhomANodeSeeks(t *testing.T) {
	s := play(t, standing.Config{Sponsor: a})
	s.does(nodes(founder), enrol(founder))
	if got := s.Seeks(); !slices.Equal(got, []shoal.NodeID{a}) {
		t.Errorf("a joiner seeks %v", got)
	}
	s.does(standing.Acquainted{Nodes: []shoal.NodeID{b, c}})
	if got := s.Seeks(); !slices.Equal(got, []shoal.NodeID{b, c}) {
		t.Errorf("a lost node seeks %v", got)
	}
	s.does(nodes(founder, self), enrol(founder, self))
	if got := s.Seeks(); got != nil {
		t.Errorf("a member seeks %v", got)
	}
}

func TestPeersAreGreetedWhenTheyAreAllowed(t *testing.T) {
	s := member(t)
	s.does(standing.Connected{Peer: b})
	if len(s.Neighbours()) > 0 {
		t.Error("a stranger is a neighbour")
	}
	s.does(nodes(self, b), enrol(self, b), standing.Greet{Peer: b}, standing.Ask{Peer: b})
	s.does(nodes(self, b, c), enrol(self, b, c)) // b is not greeted again
	s.does(standing.Connections{Peers: []shoal.NodeID{c}}, standing.Greet{Peer: c}, standing.Ask{Peer: c})
	if got := s.Neighbours(); !slices.Equal(got, []shoal.NodeID{c}) {
		t.Errorf("neighbours are %v: one was lost untold", got)
	}
	s.does(standing.Connections{Peers: []shoal.NodeID{c}})
	s.does(standing.Lost{Peer: c})
	s.does(standing.Connected{Peer: c}, standing.Greet{Peer: c}, standing.Ask{Peer: c})
}

// The detector hears of a node before it hears that it has moved.
func TestTheDetectorHearsWhoIsWhere(t *testing.T) {
	s := member(t)
	at := func(addr string) func(*roster.Node) { return func(n *roster.Node) { n.Addrs = []string{addr} } }
	s.does(with(nodes(self, b), b, at("there")), enrol(self, b), standing.Moved{Node: b})
	s.does(with(nodes(self, b), b, at("there")))
	s.does(with(nodes(self, b), b, at("elsewhere")), standing.Moved{Node: b})
	s = play(t, standing.Config{})
	s.does(with(nodes(self, b), b, at("there")), enrol(self, b)) // the first roster is no news
}

func TestARemovedNodeIsToldAndLeaves(t *testing.T) {
	s := member(t, b)
	s.meets(b)
	s.now = second
	s.does(with(nodes(self, b), b, state(roster.Removed)), enrol(self))
	s.passes(second+standing.LastNews, standing.Disconnect{Peer: b})
	s.passes(second+2*standing.LastNews, standing.Disconnect{Peer: b}) // it came back untold
	s.does(standing.Lost{Peer: b})
	s.now = 20 * second
	s.does(standing.Connected{Peer: b}) // perhaps with a new ticket
	s.does(nodes(self, b), enrol(self, b), standing.Greet{Peer: b}, standing.Ask{Peer: b})
	s.now = 40 * second
	s.does(standing.Tick{})
	s.does(with(nodes(self, b), b, state(roster.Removed)), enrol(self))
	s.passes(40*second+standing.LastNews, standing.Disconnect{Peer: b})
}

func TestARevokedNodeIsNotHeardOut(t *testing.T) {
	s := member(t, b)
	s.meets(b)
	s.does(with(nodes(self, b), b, state(roster.Revoked)), enrol(self))
	s.passes(standing.LastNews, standing.Disconnect{Peer: b})
	s.does(standing.Lost{Peer: b})
	s.does(standing.Connected{Peer: b})
	s.passes(standing.LastNews+standing.Farewell, standing.Disconnect{Peer: b})
	s.does(standing.Lost{Peer: b})
	s.now = 20 * second
	s.does(with(nodes(self, b), b, state(roster.Removed))) // as it never happens
	s.does(standing.Connected{Peer: b})
	s.passes(20*second+standing.LastNews, standing.Disconnect{Peer: b})
}

// If the node's admission was taken back with all that its sponsor said, it was never
// a member; but this node spoke with it.
func TestANodeWhoseAdmissionIsVoidLeaves(t *testing.T) {
	s := member(t, b)
	s.meets(b)
	s.does(nodes(self), enrol(self))
	s.passes(standing.LastNews, standing.Disconnect{Peer: b})
}

func TestAStrangerMayStay(t *testing.T) {
	s := member(t)
	s.does(standing.Connected{Peer: "stranger"})
	s.now = 60 * second
	s.does(standing.Tick{})
}

func TestTheGate(t *testing.T) {
	s := member(t, a)
	s.does(standing.Knock{Visit: 1, Peer: a}, standing.Serve{Visit: 1})
	s.does(standing.Knock{Visit: 2, Peer: b})
	s.now = second
	s.does(standing.Knock{Visit: 3, Peer: c})
	s.does(nodes(self, a, b), enrol(self, a, b), standing.Serve{Visit: 2})
	s.passes(second+standing.GateWait, standing.Refuse{Visit: 3})
	s.does(with(nodes(self, a, b), b, state(roster.Removed)), enrol(self, a))
	s.does(standing.Knock{Visit: 4, Peer: b}, standing.Refuse{Visit: 4})
	s.does(standing.Tick{})
}

func TestAnExpelledVisitorWaitsNoLonger(t *testing.T) {
	s := member(t)
	s.does(standing.Knock{Visit: 1, Peer: b})
	s.does(with(nodes(self, b), b, state(roster.Revoked)), standing.Refuse{Visit: 1})
}

func TestTheQueueAtTheGateIsBounded(t *testing.T) {
	s := member(t, a)
	for visit := range uint64(standing.GateQueue) {
		s.does(standing.Knock{Visit: visit, Peer: b})
	}
	s.does(standing.Knock{Visit: 100, Peer: c}, standing.Refuse{Visit: 100})
	s.does(standing.Knock{Visit: 101, Peer: a}, standing.Serve{Visit: 101})
	s.now = standing.GateWait
	if got := s.Step(s.now, standing.Tick{}); len(got) != standing.GateQueue {
		t.Errorf("%d visitors are refused", len(got))
	}
	s.does(standing.Knock{Visit: 102, Peer: c})
}
