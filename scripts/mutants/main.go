// Command mutants tests the tests: it changes one operator of a pure package at a time
// and reports each change that no test finds. go-gremlins lists the changes.
//
// It does not change the working tree: each mutant is compiled from an overlay.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bar is the least percentage of a package's code that its tests must run, and
// the least percentage of the mutants in that code that must be killed.
const bar = 90

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "mutants: %v\n", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	gremlins string
	known    string
	seeds    int
	workers  int
	out      io.Writer
}

// say prints. Nobody is left to tell when that fails.
func (o options) say(format string, args ...any) { _, _ = fmt.Fprintf(o.out, format, args...) }

func run() error {
	o := options{out: os.Stdout}
	flag.StringVar(&o.gremlins, "gremlins", "gremlins", "the go-gremlins binary")
	flag.StringVar(&o.known, "equivalent", "docs/mutants.txt", "the list of mutants that behave as the original does")
	flag.IntVar(&o.seeds, "seeds", 20, "how many simulator seeds a mutant must survive; 0 leaves the simulator out")
	flag.IntVar(&o.workers, "workers", 2, "how many mutants to test at a time")
	flag.Parse()

	known, err := readEquivalents(o.known)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return fmt.Errorf("make a folder for test binaries: %w", err)
	}
	defer os.RemoveAll(temp) //nolint:errcheck // the system deletes old temporary files

	began := time.Now()
	rows, err := testAll(context.Background(), o, temp, flag.Args(), known)
	if err != nil {
		return err
	}
	o.say("\n%s\n%v\n", table(rows), time.Since(began).Round(time.Second))
	return judge(rows, known)
}

// testAll tests the packages one after the other. It skips a package that does
// not exist.
func testAll(ctx context.Context, o options, temp string, folders []string, known *equivalents) ([]result, error) {
	sim, err := newSimulator(ctx, temp, o.seeds)
	if err != nil {
		return nil, err
	}
	var rows []result
	for _, folder := range folders {
		if sources, _ := filepath.Glob(filepath.Join(folder, "*.go")); len(sources) == 0 {
			o.say("%s: no such package\n", folder)
			continue
		}
		t, err := newTester(ctx, o, temp, folder, sim)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		row, err := t.testMutants(ctx, known)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		o.say("%v\n", row)
		rows = append(rows, row)
	}
	return rows, nil
}

// output runs a command and returns its standard output. The error
// includes both outputs.
func output(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output wraps nothing
		return out, fmt.Errorf("%s: %w\n%s%s", cmd, err, out, exit.Stderr)
	}
	return out, err
}
