// Package cli is the command line: it reads what a person typed, asks a node,
// and says in words or JSON what came of it. It decides nothing about files or
// peers; a running node does, or one that it starts for the length of a get.
//
// What is data goes to stdout, and what happens meanwhile to stderr. A command
// ends with the exit code of the shoal.Code that it failed with.
package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"shoal"
)

// Env is what a command line needs of the process it runs in, so that a test
// can be one.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time

	// OpenNode starts a node in this process.
	OpenNode func(context.Context, NodeConfig) (Node, error)

	// Doctor looks at the data folder of a node that does not run, and rebuilds
	// its index if asked to.
	Doctor func(ctx context.Context, data string, repair Repair) ([]Finding, error)
}

// Node is a node in this process.
type Node interface {
	shoal.Node
	io.Closer
}

// NodeConfig is what a person can say about a node that is to start.
type NodeConfig struct {
	Data     string        // the data folder, absolute
	Name     string        // what the node tells its peers to call it
	Listen   []string      // HOST:PORT or multiaddrs; empty for the usual ones
	Peers    []string      // addresses to connect to, and to stay connected to
	Join     string        // a ticket; empty for a node that is in, or that founds a shoal
	Zone     string        // what fails together with the node
	Down     time.Duration // of silence make a node down; 0 for the usual
	Delay    time.Duration // how long a node must be away before its chunks are copied; 0 for the usual, less for none
	Trash    time.Duration // how long what was removed can be had back; 0 for the usual
	Scrub    time.Duration // in which everything is read and checked once; 0 for the usual, less for never
	Capacity string        // SIZE or PERCENT%; empty for as much as the disk has
	Upload   string        // SIZE a second to all peers; empty for no limit
	Passing  bool          // runs for one command
	Fail     func(error)   // told if the node cannot go on
	Version  string
	Log      *slog.Logger
}

// Repair says what Doctor may change.
type Repair int

// What Doctor may change.
const (
	LookOnly     Repair = iota
	RebuildIndex        // make the index anew from what lies in the folder
	TakeForMoved        // take the folder for the node's only one, and what is in it for all that it has said
	NewIdentity         // have the folder's node become another
)

// Finding is one thing that was looked at, and how it is.
type Finding struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"` // what to do about it; empty when all is well
}

// Main runs one command line in this process, and gives its exit code. The
// first SIGINT or SIGTERM ends the work in good order, the second at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	signal.Ignore(syscall.SIGPIPE) // so that a write to a closed pipe is an error like others
	return Run(ctx, system(), args)
}

// Run runs one command line in env until it is done or ctx ends, and gives its
// exit code.
func Run(ctx context.Context, env Env, args []string) int {
	a := newApp(env)
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	command, err := root.ExecuteContextC(ctx)
	return a.finish(ctx, command, args, err)
}
