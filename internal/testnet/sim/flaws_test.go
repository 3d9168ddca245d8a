package sim_test

import (
	"strings"
	"testing"

	"shoal/internal/testnet/sim"
)

// flaws is the mistakes, each with the invariant that is to find it, what is to
// happen often, and a seed.
var flaws = []struct {
	flaw      sim.Flaw
	invariant string
	often     []string
	seed      uint64
}{
	{sim.Hurried, "I1", []string{"undelete", "remove"}, 3},
	{sim.Gullible, "I2", []string{"lie"}, 0},
	{sim.Clinging, "I3", []string{"revoke", "power cut", "start", "add"}, 15},
	{sim.Hasty, "I4", []string{"freeze", "kill", "start", "thaw"}, 1},
	{sim.Credulous, "I5", []string{"drain", "activate"}, 4},
	{sim.Careless, "I1", []string{"add", "remove", "rename"}, 34},
	{sim.Impatient, "I5", []string{"add"}, 0},
	{sim.Resentful, "I5", []string{"add", "remove", "undelete", "revoke"}, 30},
	{sim.Hoarding, "I6", []string{"add"}, 1},
	{sim.Laden, "I6", []string{"drain"}, 1},
	{sim.Muddled, "I7", []string{"partition", "heal"}, 1},
	{sim.Greedy, "I8", []string{"disk full", "add"}, 1},
	{sim.Trusting, "I9", []string{"forge"}, 0},
	{sim.Open, "I9", []string{"forge"}, 0},
	{sim.Optimistic, "I10", nil, 0},
	{sim.Boastful, "I10", []string{"drain", "add"}, 7},
	{sim.Drowsy, "I10", []string{"freeze", "thaw", "rot"}, 60},
}

// Each mistake is found, by the invariant that it breaks: the simulation can fail.
// When the simulation is changed, the seed that finds it may be another: -tries 1000
// tells which.
func TestFlawsAreFound(t *testing.T) {
	for _, f := range flaws {
		t.Run(string(f.flaw), func(t *testing.T) {
			t.Parallel()
			for seed := f.seed; seed < f.seed+*tries; seed++ {
				_, err := sim.Run(seed, sim.Config{Flaw: f.flaw, Often: f.often, Tidy: f.invariant == "I6"})
				if err != nil && strings.Contains(err.Error(), " "+f.invariant+": ") {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("%d seeds from %d on keep %s although a node %s", *tries, f.seed, f.invariant, f.flaw)
		})
	}
}
