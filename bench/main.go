// Command bench measures Shoal against what this machine can do: each row runs
// the product and its opponent in turns, in the same run, and says how they
// compare. docs/bench.md says what the rows mean.
//
// It knows nothing of a node but its command line. Hashing and picking alone
// have no command, and are measured in their packages; and a million names are
// written by the package that keeps them, for files to add would take hours.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == tlsRole {
		os.Exit(tlsMain(os.Args[2:]))
	}
	os.Exit(run())
}

func run() int {
	var b bench
	var only, report string
	flag.StringVar(&b.binary, "shoal", "bin/shoal", "the program")
	flag.IntVar(&b.rounds, "n", 5, "rounds of each row, after one that does not count; the median counts")
	flag.Int64Var(&b.size, "size", 1<<30, "bytes of the large file")
	flag.StringVar(&only, "run", "", "only rows whose name matches this regular expression")
	flag.StringVar(&report, "json", "", "also write the results, round by round, to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	match, err := regexp.Compile(only)
	if err == nil && (b.rounds < 1 || b.size < 1) {
		err = fmt.Errorf("there is nothing to measure in %d rounds of %d bytes", b.rounds, b.size)
	}
	var results []result
	if err == nil {
		results, err = b.run(ctx, match)
	}
	if err == nil {
		err = publish(os.Stdout, report, results)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}
