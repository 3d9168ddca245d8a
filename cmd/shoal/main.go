// Command shoal is a node, and the command line that speaks to one. What it
// does is in package cli.
package main

import (
	"os"

	"shoal/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
