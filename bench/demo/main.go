// Command demo shows the main job on this machine. Six strangers share one file,
// and two of its sources are killed while it is being fetched. Then a shoal of
// five keeps it: one is killed, and the others make its copies again. It ends
// with 0 only when all of that happened and every byte is right.
//
// It knows nothing of Shoal but its command line.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// interrupted is the exit code after Ctrl-C, as shells have it.
const interrupted = 128 + int(syscall.SIGINT)

func main() { os.Exit(run()) }

func run() int {
	d := demo{say: os.Stdout}
	flag.StringVar(&d.binary, "shoal", "bin/shoal", "the program")
	flag.StringVar(&d.file, "file", "", "the file to share; random bytes if it is empty")
	flag.Int64Var(&d.size, "size", 512<<20, "how many random bytes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := d.run(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "demo: interrupted; nothing is left behind")
		return interrupted
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	return 1
}
