package standing_test

import (
	"testing"
	"time"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
)

const second = time.Second

// speaks is that the node may speak, and has heard all that it said.
var speaks = standing.MaySpeak{Sure: true}

func TestALoneFounderSpeaksAtOnce(t *testing.T) {
	s := play(t, standing.Config{Self: founder})
	s.does(nodes(founder), enrol(founder))
	if s.Speaks() || s.Patience() != 0 {
		t.Error("it speaks before it has begun")
	}
	s.does(standing.Begin{}, speaks)
	if !s.Speaks() || s.Doubtful() {
		t.Error("it does not speak, or doubts")
	}
	s.does(told(0))
}

func TestANodeSpeaksWhenAllHaveTold(t *testing.T) {
	s := play(t, standing.Config{})
	s.does(nodes(founder, self, a), enrol(founder, self, a))
	s.does(standing.Begin{})
	s.does(told(1))
	s.does(standing.Told{Met: 2}) // one has heard more than the node knows
	s.does(told(2), speaks)
}

func TestANodeWaitsForNobodyWhoIsSilent(t *testing.T) {
	s := play(t, standing.Config{})
	s.does(nodes(founder, self, a), enrol(founder, self, a))
	s.now = second
	s.does(standing.Begin{})
	s.does(told(1))
	s.passes(second+standing.RecallTime, speaks)
}

// However many nodes there are, eight that have told are enough, and seven are not.
func TestEightAreEnough(t *testing.T) {
	s := play(t, standing.Config{})
	all := []shoal.NodeID{self}
	for i := range 10 {
		all = append(all, shoal.NodeID(rune('A'+i)))
	}
	s.does(nodes(all...), enrol(all...))
	s.does(standing.Begin{})
	s.does(told(standing.RecallPeers - 1))
	s.does(told(standing.RecallPeers), speaks)
}

// While a peer has heard what the node has not, it waits longer; but not for good.
func TestANodeWaitsForItsOwnWord(t *testing.T) {
	s := play(t, standing.Config{})
	s.does(nodes(founder, self), enrol(founder, self))
	s.does(standing.Begin{})
	s.does(standing.Told{Met: 1})
	s.now = standing.RecallTime
	s.does(standing.Tick{})
	s.passes(standing.RecallLimit, standing.MaySpeak{})

	s = play(t, standing.Config{})
	s.does(nodes(founder, self), enrol(founder, self))
	s.does(standing.Begin{})
	s.does(standing.Told{Met: 1})
	s.now = 20 * second
	s.does(told(0), speaks) // after recallTime it does not matter how many have told
}

func TestAMovedFolderWaitsForMoreThanHalf(t *testing.T) {
	s := play(t, standing.Config{Down: 12 * second})
	s.does(nodes(founder, self, a, b, c), enrol(founder, self, a, b, c)) // four others
	s.does(standing.Begin{Moved: true}, standing.Doubt{})
	if !s.Doubtful() || s.Patience() != standing.MovedTime {
		t.Errorf("it does not doubt, or waits %v", s.Patience())
	}
	if s.Patience() <= 12*second {
		t.Errorf("a caller waits %v, and one that all tell at once settles after 12 s", s.Patience())
	}
	s.does(told(2))
	s.now = time.Hour
	s.does(standing.Tick{})
	s.does(standing.Told{Met: 3})
	s.does(told(3))
	s.passes(time.Hour+12*second, standing.Settle{})
	if s.Doubtful() || s.Patience() != 0 || s.Speaks() {
		t.Error("it has settled, and doubts or speaks")
	}
	s.does(told(4), speaks)
}

// After it has settled a node waits as any other for what it lacks.
func TestAMovedFolderHearsTheRest(t *testing.T) {
	s := play(t, standing.Config{})
	s.does(nodes(founder, self), enrol(founder, self))
	s.does(standing.Begin{Moved: true}, standing.Doubt{})
	s.now = time.Minute
	s.does(told(1))
	s.does(standing.Told{Met: 1})
	s.passes(time.Minute+10*second, standing.Settle{})
	s.passes(time.Minute+10*second+standing.RecallLimit, standing.MaySpeak{})
}

func TestAMovedFolderOfALoneNode(t *testing.T) {
	s := play(t, standing.Config{Self: founder})
	s.does(nodes(founder), enrol(founder))
	s.does(standing.Begin{Moved: true}, standing.Settle{}, speaks)
}

// acquainted is a node with an empty journal that remembers others.
func acquainted(t *testing.T, id shoal.NodeID) *script {
	t.Helper()
	s := play(t, standing.Config{Self: id, Sponsor: a})
	s.does(nodes(founder), enrol(founder))
	if s.Lost() {
		t.Error("a node that knows nobody is not lost")
	}
	s.does(standing.Acquainted{Nodes: []shoal.NodeID{a, b}})
	if !s.Lost() {
		t.Error("it is not lost")
	}
	return s
}

func TestALostNodeAsksItsAcquaintances(t *testing.T) {
	s := acquainted(t, self)
	s.does(standing.Begin{})
	if !s.Doubtful() || s.Patience() != standing.RecallLimit+standing.MovedTime {
		t.Errorf("it does not doubt, or waits %v", s.Patience())
	}
	s.does(standing.Connected{Peer: c}) // a stranger
	s.does(standing.Connected{Peer: b}, standing.Recover{Peer: b})
	s.does(standing.Connected{Peer: a}, standing.Greet{Peer: a}) // one after the other
	s.does(standing.Recovered{Peer: b}, standing.Recover{Peer: a})
	s.does(standing.Recovered{Peer: b}) // an old answer
	s.does(nodes(founder, self, a), enrol(founder, self, a), standing.Ask{Peer: a})
	if s.Lost() {
		t.Error("it is lost, and on the roster")
	}
	s.does(told(2)) // its own records are still under way
	s.does(standing.Recovered{Peer: a}, standing.Doubt{})
	s.passes(10*second, standing.Settle{}, speaks)
}

// Whoever had nothing to tell is asked again when it connects again, or the roster
// changes.
func TestALostNodeAsksAgain(t *testing.T) {
	s := acquainted(t, self)
	s.does(standing.Begin{})
	s.does(standing.Connected{Peer: b}, standing.Recover{Peer: b})
	s.does(standing.Recovered{Peer: b})
	s.does(standing.Tick{})
	s.does(standing.Lost{Peer: b})
	s.does(standing.Connected{Peer: b}, standing.Recover{Peer: b})
	s.does(standing.Recovered{Peer: b})
	s.does(nodes(founder, c), enrol(founder, c), standing.Recover{Peer: b})
	s.passes(standing.RecallLimit, standing.Doubt{}) // it waits no longer for the answer
}

func TestALostFounder(t *testing.T) {
	s := acquainted(t, founder)
	s.does(standing.Begin{})
	s.passes(standing.RecallLimit, standing.Settle{}, speaks) // alone
	if !s.Lost() {
		t.Error("it has forgotten that it knew somebody")
	}
	s.does(nodes(founder, a), enrol(founder, a))
	if s.Lost() {
		t.Error("it is lost, and knows whom it has admitted")
	}
}

// With a ticket a node joins: that it knows nobody is no wonder.
func TestALostNodeWithATicketDoesNotDoubt(t *testing.T) {
	s := acquainted(t, self)
	s.does(standing.Begin{Ticket: true})
	if s.Doubtful() {
		t.Error("it doubts")
	}
	s.does(nodes(founder, self), enrol(founder, self))
	s.does(told(1), speaks)
}

func TestTimeDoesNotGoBack(t *testing.T) {
	s := play(t, standing.Config{})
	s.does(with(nodes(founder, self), self, state(roster.Draining)), enrol(founder, self))
	s.now = time.Hour
	s.does(standing.Begin{})
	s.now = 0
	s.does(standing.Tick{})
	s.passes(time.Hour+standing.RecallTime, speaks)
}
