package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// binary is a test binary and how to run it.
type binary struct {
	pkg   string        // of the tests, as `go test` takes it
	path  string        // of the binary for the original
	dir   string        // where the tests run
	args  []string      // besides the time limit
	slow  []string      // tests that run only when a mutant has outlived the others
	limit time.Duration // of processor time, for one run
}

const (
	// memory is the most address space in KiB that a mutant gets: an endless loop
	// may allocate all that the machine has.
	memory = 8 << 20

	// slow is how long a test takes that runs after the others: most mutants die
	// in a quick one.
	slow = 300 * time.Millisecond
)

// verdict is the outcome of a mutant.
type verdict string

// The verdicts. A mutant that runs out of time is found, too: the tests hang.
const (
	lived     verdict = "lived"
	killed    verdict = "killed"
	bySeeds   verdict = "killed by seeds"
	timedOut  verdict = "timed out"
	notViable verdict = "does not compile"
	notRun    verdict = "not covered"
)

// measure builds the tests of the original and runs them, which must pass. It
// sets the limit to a multiple of the processor time that they took, which does not
// depend on other load, and finds the slow ones.
func (b *binary) measure(ctx context.Context) error {
	if err := b.build(ctx, "", b.path); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.path, append([]string{"-test.v"}, b.args...)...)
	cmd.Dir = b.dir
	out, err := output(cmd)
	if err != nil {
		return err
	}
	b.limit = 3*time.Second + 5*processorTime(cmd)
	for _, test := range regexp.MustCompile(`(?m)^--- PASS: (\w+) \((.*s)\)`).FindAllStringSubmatch(string(out), -1) {
		if took, err := time.ParseDuration(test[2]); err == nil && took >= slow {
			b.slow = append(b.slow, test[1])
		}
	}
	if v := b.run(ctx, b.path); v != lived {
		return fmt.Errorf("the tests of %s pass, but not within the limits for a mutant: %v", b.pkg, v)
	}
	return nil
}

// build builds the tests; overlay is a file for `go build -overlay`, or empty.
func (b *binary) build(ctx context.Context, overlay, path string) error {
	_, err := output(exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay="+overlay, "-o", path, b.pkg))
	return err
}

// test builds the tests with a mutant in the place of the original, and runs them.
// name tells apart the files of mutants that are tested at the same time.
func (b *binary) test(ctx context.Context, m mutant, temp, name string) (verdict, error) {
	source, overlay, path := filepath.Join(temp, name+".go"), filepath.Join(temp, name+".json"), filepath.Join(temp, name+".test")
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: source}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(source, m.source, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	if err := b.build(ctx, overlay, path); err != nil {
		return notViable, ctx.Err()
	}
	if len(b.slow) == 0 {
		return b.run(ctx, path), nil
	}
	these := "^(" + strings.Join(b.slow, "|") + ")$"
	if v := b.run(ctx, path, "-test.skip="+these); v != lived {
		return v, nil
	}
	return b.run(ctx, path, "-test.run="+these), nil
}

// run runs tests of a binary. A mutant that waits for ever uses no processor time,
// so there is a bound for the time on the clock, too.
func (b *binary) run(ctx context.Context, path string, which ...string) verdict {
	ctx, cancel := context.WithTimeout(ctx, 10*b.limit)
	defer cancel()
	shell := fmt.Sprintf(`ulimit -v %d && ulimit -t %d && exec "$0" "$@"`, memory, int(b.limit.Seconds()))
	args := append([]string{"-c", shell, path, "-test.failfast", "-test.timeout=0"}, which...)
	cmd := exec.CommandContext(ctx, "sh", append(args, b.args...)...)
	cmd.Dir = b.dir
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), processorTime(cmd) >= b.limit.Truncate(time.Second):
		return timedOut
	case err != nil:
		return killed
	}
	return lived
}

// processorTime is the time that a command which has ended was on a processor.
func processorTime(cmd *exec.Cmd) time.Duration {
	if cmd.ProcessState == nil {
		return 0 // it did not start
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
