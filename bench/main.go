// Command bench measures Shoal against what this machine can do: each row runs
// the product and its opponent in turns, in the same run, and says how they
// compare. docs/bench.md says what the rows mean.
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
	if len(os.Args) > 1 && os.Args[1] == rawRole {
		os.Exit(rawMain(os.Args[2:]))
	}
	var b bench
	var only string
	flag.StringVar(&b.binary, "shoal", "bin/shoal", "the program")
	flag.IntVar(&b.rounds, "n", 5, "rounds of each row; the median counts")
	flag.Int64Var(&b.size, "size", 1<<30, "bytes of the large file")
	flag.StringVar(&only, "run", "", "only rows whose name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	match, err := regexp.Compile(only)
	if err == nil {
		err = b.run(ctx, match)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // nothing else is deferred
	}
}
