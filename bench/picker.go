package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// maxPick is how long a pick may take, in nanoseconds.
const maxPick = 2000

// pickScenarios are those that a swarm can bring about; one more is made to be
// as bad as can be.
const pickScenarios = `^BenchmarkPick$/^(seeds|half-partial|all-partial|sparse|sparse-and-seeds|disjoint|late.*)$`

// pickLine is what `go test -bench` says of a benchmark: its name, nanoseconds
// and allocations.
const pickLine = `(?m)^Benchmark(\S*)\s+\d+\s+([\d.]+) ns/op.*\s(\d+) allocs/op`

// pickerRow runs the picker's own benchmarks, of 262,144 chunks and 64 peers.
func pickerRow(ctx context.Context, _ *bench) (result, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pickScenarios,
		"-benchtime", "300000x", "-benchmem", "./internal/transfer/picker").CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("go test: %w: %s", err, out)
	}
	return pickResult(string(out))
}

// pickResult is the slowest scenario, and the allocations of all.
func pickResult(said string) (result, error) {
	slowest, name, allocations := 0.0, "", 0
	for _, line := range regexp.MustCompile(pickLine).FindAllStringSubmatch(said, -1) {
		nanoseconds, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			return result{}, err
		}
		allocs, err := strconv.Atoi(line[3])
		if err != nil {
			return result{}, err
		}
		allocations += allocs
		if nanoseconds >= slowest {
			slowest, name = nanoseconds, line[1]
		}
	}
	if name == "" {
		return result{}, fmt.Errorf("no benchmark was run: %s", said)
	}
	return result{
		Ours: fmt.Sprintf("%.0f ns", slowest),
		Note: fmt.Sprintf("the slowest: %s; %d allocations", name, allocations),
		Met:  slowest <= maxPick && allocations == 0,
	}, nil
}
