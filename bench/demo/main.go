// Command demo shows the main job on this machine: six nodes, one file, and two
// of its sources killed while it is being fetched.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var d demo
	flag.StringVar(&d.binary, "shoal", "bin/shoal", "the program")
	flag.StringVar(&d.file, "file", "", "the file to share; random bytes if it is empty")
	flag.Int64Var(&d.size, "size", 512<<20, "how many random bytes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
