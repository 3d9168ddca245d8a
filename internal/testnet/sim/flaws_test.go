package sim_test

import (
	"strings"
	"testing"

	"shoal/internal/testnet/sim"
	"shoal/internal/testnet/sim/flaw"
)

// mistake is a flaw, with the invariant that is to find it and what is to happen often.
type mistake struct {
	flaw      flaw.Kind
	invariant string
	often     []string
}

// Each mistake is found, by the invariant that it breaks: the simulation can fail. No seed is
// chosen: each is found from seed 0 on.
func TestFlawsAreFound(t *testing.T) {
	for _, m := range []mistake{
		{flaw.Hurried, "I1", []string{"undelete", "add", "remove"}},
		{flaw.Deaf, "I1", []string{"undelete", "add", "remove"}},
		{flaw.Careless, "I1", []string{"add", "remove", "rename"}},
		{flaw.Premature, "I1", []string{"add", "remove", "undelete"}},
		{flaw.Gullible, "I2", []string{"lie"}},
		{flaw.Nostalgic, "I3", []string{"remove node", "revoke", "add"}},
		{flaw.Hasty, "I4", []string{"freeze", "kill", "start", "thaw"}},
		{flaw.Credulous, "I5", []string{"drain", "activate"}},
		{flaw.Impatient, "I5", []string{"add"}},
		{flaw.Hoarding, "I6", []string{"add"}},
		{flaw.Laden, "I6", []string{"drain"}},
		{flaw.Muddled, "I7", []string{"partition", "heal"}},
		{flaw.Greedy, "I8", []string{"disk full", "add"}},
		{flaw.Trusting, "I9", []string{"forge"}},
		{flaw.Open, "I9", []string{"forge"}},
		{flaw.Clinging, "I9", []string{"revoke", "partition", "add"}},
		{flaw.Forgetful, "I9", []string{"restore", "add"}},
		{flaw.Optimistic, "I10", nil},
		{flaw.Boastful, "I10", []string{"drain", "add"}},
		{flaw.Silent, "I10", []string{"rot", "read"}},
	} {
		t.Run(string(m.flaw), func(t *testing.T) {
			t.Parallel()
			if !found(t, m, *tries) {
				t.Errorf("%d seeds keep %s although a node %s", *tries, m.invariant, m.flaw)
			}
		})
	}
}

// A mistake that matters seldom is looked for where there is more time: by make sim.
func TestRareFlawsAreFound(t *testing.T) {
	for _, m := range []mistake{
		{flaw.Drowsy, "I10", []string{"freeze", "thaw", "rot"}},
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
	for seed := range tries {
		_, err := sim.Run(seed, sim.Config{Flaw: m.flaw, Often: m.often, Tidy: m.invariant == "I6"})
		if err != nil && strings.Contains(err.Error(), " "+m.invariant+": ") {
			t.Logf("seed %d: %v", seed, err)
			return true
		}
	}
	return false
}
