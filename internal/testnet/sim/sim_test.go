package sim_test

import (
	"flag"
	"fmt"
	"testing"

	"shoal/internal/testnet/sim"
)

var (
	seeds = flag.Int("seeds", 48, "how many seeds TestSeeds runs")
	first = flag.Uint64("first", 0, "the first of them")
	quiet = flag.Bool("quiet", false, "leave the traces out")
)

func run(t *testing.T, seed uint64, cfg sim.Config) sim.Result {
	t.Helper()
	result, err := sim.Run(seed, cfg)
	if err != nil {
		t.Errorf("seed %d: %v", seed, err)
		if !*quiet {
			t.Logf("%v\nagain: go test ./internal/testnet/sim -run TestSeeds -seeds 1 -first %d", result, seed)
		}
	}
	return result
}

// Whatever happens, what was acknowledged is kept, nothing goes that is needed,
// status says safe only when it is, and in the end all comes right.
func TestSeeds(t *testing.T) {
	for i := range *seeds {
		seed := *first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed, sim.Config{Tidy: seed%16 == 0})
		})
	}
}

// The same seed is the same run, to the last byte.
func TestRepeatable(t *testing.T) {
	for seed := range uint64(3) {
		if a, b := run(t, seed, sim.Config{}), run(t, seed, sim.Config{}); a.Digest != b.Digest || a.Acks == 0 || a.Deletes == 0 || a.Safes == 0 {
			t.Errorf("seed %d: %v\n%v", seed, a, b)
		}
	}
}

// Each mistake is found: the simulation can fail. The seed is one that finds it;
// when the simulation is changed it may be another, so some more are tried.
func TestFlawsAreFound(t *testing.T) {
	const tries = 1000
	for flaw, seed := range map[sim.Flaw]uint64{sim.Credulous: 1, sim.Optimistic: 0, sim.Boastful: 130, sim.Drowsy: 470, sim.Clinging: 77, sim.Hurried: 923} {
		t.Run(string(flaw), func(t *testing.T) {
			t.Parallel()
			for i := range uint64(tries) {
				if _, err := sim.Run((seed+i)%tries, sim.Config{Flaw: flaw}); err != nil {
					t.Logf("seed %d: %v", (seed+i)%tries, err)
					return
				}
			}
			t.Errorf("%d seeds went well although a node %s", tries, flaw)
		})
	}
}
