package sim_test

import (
	"strings"
	"testing"

	"shoal/internal/testnet/sim"
	"shoal/internal/testnet/sim/flaw"
)

// mistake is one that is built in, with the invariant that is to find it, what is
// to happen often, and a seed.
type mistake struct {
	flaw      flaw.Kind
	invariant string
	often     []string
	seed      uint64
}

// Each mistake is found, by the invariant that it breaks: the simulation can fail.
// When what is simulated changes, the seed that finds it may be another: -tries 1000
// tells which.
func TestFlawsAreFound(t *testing.T) {
	for _, m := range []mistake{
		{flaw.Hurried, "I1", []string{"undelete", "add", "remove"}, 0},
		{flaw.Careless, "I1", []string{"add", "remove", "rename"}, 1},
		{flaw.Gullible, "I2", []string{"lie"}, 0},
		{flaw.Clinging, "I3", []string{"revoke", "power cut", "start", "add"}, 93},
		{flaw.Hasty, "I4", []string{"freeze", "kill", "start", "thaw"}, 1},
		{flaw.Credulous, "I5", []string{"drain", "activate"}, 4},
		{flaw.Impatient, "I5", []string{"add"}, 2},
		{flaw.Hoarding, "I6", []string{"add"}, 1},
		{flaw.Laden, "I6", []string{"drain"}, 1},
		{flaw.Muddled, "I7", []string{"partition", "heal"}, 1},
		{flaw.Greedy, "I8", []string{"disk full", "add"}, 1},
		{flaw.Trusting, "I9", []string{"forge"}, 0},
		{flaw.Open, "I9", []string{"forge"}, 0},
		{flaw.Forgetful, "I9", []string{"restore", "add"}, 0},
		{flaw.Optimistic, "I10", nil, 0},
		{flaw.Boastful, "I10", []string{"drain", "add"}, 7},
	} {
		t.Run(string(m.flaw), func(t *testing.T) {
			t.Parallel()
			if !found(t, m, *tries) {
				t.Errorf("%d seeds from %d on keep %s although a node %s", *tries, m.seed, m.invariant, m.flaw)
			}
		})
	}
}

// A mistake that matters seldom is looked for where there is more time: by make sim.
func TestRareFlawsAreFound(t *testing.T) {
	for _, m := range []mistake{
		{flaw.Drowsy, "I10", []string{"freeze", "thaw", "rot"}, 0},
	} {
		t.Run(string(m.flaw), func(t *testing.T) {
			t.Parallel()
			if *rare > 0 && !found(t, m, *rare) {
				t.Errorf("%d seeds keep %s although a node %s", *rare, m.invariant, m.flaw)
			}
		})
	}
}

// found reports whether some seed finds a mistake.
func found(t *testing.T, m mistake, tries uint64) bool {
	for seed := m.seed; seed < m.seed+tries; seed++ {
		_, err := sim.Run(seed, sim.Config{Flaw: m.flaw, Often: m.often, Tidy: m.invariant == "I6"})
		if err != nil && strings.Contains(err.Error(), " "+m.invariant+": ") {
			t.Logf("seed %d: %v", seed, err)
			return true
		}
	}
	return false
}
