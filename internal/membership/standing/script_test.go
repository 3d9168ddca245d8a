package standing_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
)

// script drives a machine by hand, and checks each answer.
type script struct {
	t *testing.T
	*standing.Machine
	now  time.Duration
	wake time.Duration // of the last Wake
}

// The nodes of the tests.
const (
	self    = shoal.NodeID("self")
	founder = shoal.NodeID("founder")
	a       = shoal.NodeID("a")
	b       = shoal.NodeID("b")
	c       = shoal.NodeID("c")
)

func play(t *testing.T, cfg standing.Config) *script {
	t.Helper()
	if cfg.Self == "" {
		cfg.Self = self
	}
	if cfg.Founder == "" {
		cfg.Founder = founder
	}
	return &script{t: t, Machine: standing.New(cfg)}
}

// does wants these actions, but for Wake, of an event.
func (s *script) does(e standing.Event, want ...standing.Action) {
	s.t.Helper()
	var got []standing.Action
	for _, action := range s.Step(s.now, e) {
		if wake, ok := action.(standing.Wake); ok {
			s.wake = wake.At
			continue
		}
		got = append(got, action)
	}
	if !cmp.Equal(got, want) {
		s.t.Errorf("at %v %T gives %s, want %s", s.now, e, text(got), text(want))
	}
}

// passes lets time pass to a moment. One instant before, nothing is to be done; then
// these actions are due, and the machine has asked to be woken for them.
func (s *script) passes(to time.Duration, want ...standing.Action) {
	s.t.Helper()
	s.now = to - 1
	s.does(standing.Tick{})
	if s.wake != to && want != nil {
		s.t.Errorf("it asks to be woken at %v, and something is to be done at %v", s.wake, to)
	}
	s.now = to
	s.does(standing.Tick{}, want...)
}

func text(actions []standing.Action) (all string) {
	for _, action := range actions {
		all += fmt.Sprintf("%T%+v ", action, action)
	}
	return all
}

// nodes makes a roster of members that are in, sorted, but for changes.
func nodes(ids ...shoal.NodeID) standing.Roster {
	var all []roster.Node
	for _, id := range slices.Sorted(slices.Values(ids)) {
		all = append(all, roster.Node{ID: id, Role: roster.Member})
	}
	return standing.Roster{Nodes: all}
}

// with changes a node of a roster.
func with(r standing.Roster, id shoal.NodeID, change func(*roster.Node)) standing.Roster {
	all := slices.Clone(r.Nodes)
	for i := range all {
		if all[i].ID == id {
			change(&all[i])
		}
	}
	return standing.Roster{Nodes: all}
}

func state(s roster.State) func(*roster.Node) { return func(n *roster.Node) { n.State = s } }

func enrol(ids ...shoal.NodeID) standing.Enrol {
	return standing.Enrol{Nodes: slices.Sorted(slices.Values(ids))}
}

// told is a Told of peers that have heard no more than this node knows.
func told(met int) standing.Told { return standing.Told{Met: met, Sure: true} }
