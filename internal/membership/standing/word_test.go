package standing_test

import (
	"testing"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
)

// own is what the node of the tests says of itself.
func own() roster.Self {
	return roster.Self{Name: "name", Zone: "zone", Allotment: 5, Addrs: []string{"here", "there"}}
}

// saying is a roster on which a node says something of itself.
func saying(r standing.Roster, id shoal.NodeID, self roster.Self) standing.Roster {
	return with(r, id, func(n *roster.Node) { n.Self = self })
}

// founding is a founder that speaks.
func founding(t *testing.T) *script {
	t.Helper()
	s := play(t, standing.Config{Self: founder})
	s.does(nodes(founder), enrol(founder))
	s.does(standing.Begin{}, speaks)
	return s
}

func TestAFounderIntroducesItself(t *testing.T) {
	s := founding(t)
	s.does(standing.Place{Self: own()}, standing.Introduce{Self: own()})
	s.does(standing.Tick{}) // one at a time
	s.does(saying(nodes(founder), founder, own()))
	s.does(standing.Said{OK: true}, standing.Joined{})
}

func TestAJoinerIntroducesItselfWhenItIsOnTheRoster(t *testing.T) {
	s := play(t, standing.Config{Sponsor: a})
	s.does(nodes(founder), enrol(founder))
	s.does(standing.Place{Self: own()})
	s.does(standing.Begin{Ticket: true})
	s.does(standing.Connected{Peer: a}, standing.Greet{Peer: a})
	s.does(told(1), speaks) // it has nothing to say before it has heard that it was admitted
	s.does(nodes(founder, a, self), enrol(founder, a, self), standing.Introduce{Self: own()}, standing.Ask{Peer: a})
	s.does(standing.Said{OK: true}, standing.Joined{})
}

func TestANodeThatIsKnownNeedNotIntroduceItself(t *testing.T) {
	s := play(t, standing.Config{Self: founder})
	s.does(saying(nodes(founder), founder, own()), enrol(founder))
	other := own()
	other.Addrs = []string{"there", "here"} // in whatever order
	s.does(standing.Place{Self: other})
	s.does(standing.Begin{}, speaks, standing.Joined{})
}

// Whatever is new is told, when somebody hears it, and not more often than every half
// minute.
func TestNewsIsToldInTime(t *testing.T) {
	for what, change := range map[string]func(*roster.Self){
		"name": func(s *roster.Self) { s.Name = "other" }, "zone": func(s *roster.Self) { s.Zone = "other" },
		"allotment": func(s *roster.Self) { s.Allotment++ }, "addresses": func(s *roster.Self) { s.Addrs = []string{"other"} },
	} {
		t.Run(what, func(t *testing.T) {
			s := founding(t)
			s.now = second
			s.does(standing.Place{Self: own()}, standing.Introduce{Self: own()})
			s.does(saying(nodes(founder, a), founder, own()), enrol(founder, a))
			s.does(standing.Said{OK: true}, standing.Joined{})
			other := own()
			change(&other)
			s.does(standing.Place{Self: other})
			s.meets(a)
			s.passes(second+standing.BetweenWords, standing.Introduce{Self: other})
		})
	}
}

func TestNewsWaitsForSomebodyWhoHearsIt(t *testing.T) {
	s := founding(t)
	s.does(standing.Place{Self: own()}, standing.Introduce{Self: own()})
	s.does(saying(nodes(founder, a), founder, own()), enrol(founder, a))
	s.does(standing.Said{OK: true}, standing.Joined{})
	other := own()
	other.Addrs = nil
	s.now = 60 * second
	s.does(standing.Place{Self: other})
	s.does(standing.Connected{Peer: b}) // a stranger
	s.does(standing.Connected{Peer: a}, standing.Introduce{Self: other}, standing.Greet{Peer: a}, standing.Ask{Peer: a})
}

func TestAnIntroductionThatFailsIsTriedAgain(t *testing.T) {
	s := founding(t)
	s.does(nodes(founder, a), enrol(founder, a))
	s.meets(a)
	s.does(standing.Place{Self: own()}, standing.Introduce{Self: own()})
	s.does(standing.Said{OK: false})
	s.passes(standing.AgainAfter, standing.Introduce{Self: own()})
}

func TestARemovedNodeDoesNotIntroduceItself(t *testing.T) {
	s := founding(t)
	s.does(with(nodes(founder), founder, state(roster.Removed)), enrol())
	s.does(standing.Place{Self: own()})
}

func TestAPassingNodeJoinsWithoutAWord(t *testing.T) {
	s := play(t, standing.Config{Passing: true, Sponsor: a})
	s.does(standing.Place{Self: own()})
	s.does(nodes(founder), enrol(founder))
	s.does(nodes(founder, self), enrol(founder, self), standing.Joined{})
	s.now = 60 * second
	s.does(standing.Tick{})
	if s.Speaks() {
		t.Error("it speaks")
	}
}

func TestVerdicts(t *testing.T) {
	for want, r := range map[standing.Verdict]standing.Roster{
		standing.Inside: nodes(founder, self), standing.Unheard: nodes(founder),
		standing.Removed: with(nodes(founder, self), self, state(roster.Removed)),
		standing.Revoked: with(nodes(founder, self), self, state(roster.Revoked)),
	} {
		s := play(t, standing.Config{})
		s.Step(0, r)
		if got := s.Verdict(); got != want {
			t.Errorf("the verdict is %d, want %d", got, want)
		}
	}
}

// A node that all whom it reaches turn away takes itself for out, until one of them
// knows better.
func TestANodeThatNobodyKnows(t *testing.T) {
	s := member(t, a, b)
	verdict := func(want standing.Verdict) {
		t.Helper()
		if got := s.Verdict(); got != want {
			t.Errorf("at %v the verdict is %d, want %d", s.now, got, want)
		}
	}
	s.does(standing.Connected{Peer: a}, standing.Greet{Peer: a}, standing.Ask{Peer: a})
	verdict(standing.Inside)
	s.now = second
	s.does(standing.Welcome{Peer: a, Answer: standing.No})
	verdict(standing.Rejected)
	s.does(standing.Connected{Peer: b}, standing.Greet{Peer: b}, standing.Ask{Peer: b})
	verdict(standing.Inside) // b has not said so
	s.does(standing.Lost{Peer: b})
	verdict(standing.Rejected)
	s.does(standing.Welcome{Peer: b, Answer: standing.Unknown})
	s.passes(second+standing.AskAgain, standing.Ask{Peer: a})
	s.does(standing.Welcome{Peer: a, Answer: standing.Yes})
	verdict(standing.Inside)
	s.now = 60 * second
	s.does(standing.Tick{})
}

func TestWhomANodeAsksWhetherItIsWelcome(t *testing.T) {
	s := play(t, standing.Config{Sponsor: a})
	s.does(nodes(founder), enrol(founder))
	s.does(standing.Connected{Peer: a}, standing.Greet{Peer: a}) // this node is not on the roster yet
	s.does(nodes(founder, a, self), enrol(founder, a, self), standing.Ask{Peer: a})
	s.does(standing.Connected{Peer: b})
	s.does(standing.Welcome{Peer: a, Answer: standing.No})
	s.does(with(nodes(founder, a, self), a, state(roster.Removed)), enrol(founder, self))
	s.passes(standing.LastNews, standing.Disconnect{Peer: a})
	s.now = standing.AskAgain
	s.does(standing.Tick{}, standing.Disconnect{Peer: a})
	s.does(standing.Connected{Peer: founder}, standing.Greet{Peer: founder}, standing.Ask{Peer: founder})
	s.does(standing.Welcome{Peer: founder}) // no answer: it is asked when it connects again
	s.does(standing.Lost{Peer: a})
	s.now = 60 * second
	s.does(standing.Tick{})
}
