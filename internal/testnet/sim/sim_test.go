package sim_test

import (
	"flag"
	"fmt"
	"testing"

	"shoal/internal/testnet/sim"
)

var (
	seeds = flag.Int("seeds", 16, "how many seeds TestSeeds runs")
	first = flag.Uint64("first", 0, "the first of them")
	quiet = flag.Bool("quiet", false, "leave the traces out")
	rare  = flag.Uint64("rare", 0, "how many seeds TestRareFlawsAreFound runs of each flaw, at most")
	tries = flag.Uint64("tries", 150, "how many seeds TestFlawsAreFound runs of each flaw, at most")
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

// The same seed is the same run, to the last byte; and in a few of them there is
// something of everything that is to be checked.
func TestRepeatable(t *testing.T) {
	var all sim.Checked
	for seed := range uint64(8) {
		a, b := run(t, seed, sim.Config{}), run(t, seed, sim.Config{})
		if a.Digest != b.Digest {
			t.Errorf("seed %d: %v\n%v", seed, a, b)
		}
		all.Add(a.Checked)
	}
	for what, times := range map[string]int{
		"acknowledgements": all.Acks, "deletes": all.Deletes, "removals": all.Removals, "times safe": all.Safes,
		"reads": all.Reads, "outages": all.Outages, "forgeries": all.Forgeries, "restores": all.Restores,
	} {
		if times == 0 {
			t.Errorf("there were no %s to check", what)
		}
	}
}
