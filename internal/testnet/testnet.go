// Package testnet runs nodes as processes of their own, for demonstrations,
// benchmarks and tests that want the real thing: real sockets, real disks, real
// kills.
//
// It knows nothing of what is inside a node: it drives them through the command
// line alone, as a person would.
package testnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// readyTimeout bounds the start of a node, stopTimeout its orderly end.
const (
	readyTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// Net is a few nodes on this machine's loopback. All its methods may be called
// by many goroutines at once.
type Net struct {
	binary string
	dir    string

	mu    sync.Mutex // guards nodes
	nodes []*Node
}

// New returns a net without nodes, of the shoal program binary, whose nodes
// keep their data in folders below dir.
func New(binary, dir string) *Net { return &Net{binary: binary, dir: dir} }

// Start starts a node and returns when it is ready, within readyTimeout. args
// are added to its command line; it listens on a free loopback port. It ends
// with ctx, with Close, and with this process, however that ends.
func (n *Net) Start(ctx context.Context, name string, args ...string) (*Node, error) {
	return n.start(ctx, name, "127.0.0.1:0", args)
}

// Restart starts a node that has ended again, on its folder and at its old
// address, and is otherwise as Start. The old Node is of no more use.
func (n *Net) Restart(ctx context.Context, node *Node, args ...string) (*Node, error) {
	listen, _, _ := strings.Cut(node.Addr, "/p2p/")
	return n.start(ctx, node.Name, listen, args)
}

func (n *Net) start(ctx context.Context, name, listen string, args []string) (*Node, error) {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, fmt.Errorf("start node %s: %w", name, err)
	}
	node := &Node{Name: name, Data: filepath.Join(n.dir, name), binary: n.binary, ended: make(chan struct{})}
	all := append([]string{"up", "--json", "--name", name, "--data", node.Data, "--listen", listen}, args...)
	node.cmd = command(ctx, n.binary, all...)
	first, err := node.start()
	if err != nil {
		return nil, fmt.Errorf("start node %s: %w", name, err)
	}
	n.mu.Lock()
	n.nodes = append(n.nodes, node)
	n.mu.Unlock()
	return node, node.awaitReady(ctx, first)
}

// Join starts a node that belongs to the shoal of another in a role, member or
// reader, and is otherwise as Start.
func (n *Net) Join(ctx context.Context, sponsor *Node, role, name string, args ...string) (*Node, error) {
	ticket, err := sponsor.Run(ctx, "invite", "-q", "--role", role)
	if err != nil {
		return nil, fmt.Errorf("invite node %s: %w", name, err)
	}
	return n.Start(ctx, name, append(args, "--join", strings.TrimSpace(string(ticket)))...)
}

// Close ends every node that is still up, at once, and closes their logs. Their
// folders are the caller's to delete.
func (n *Net) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, node := range n.nodes {
		errs = append(errs, node.Kill(), node.log.Close())
	}
	n.nodes = nil
	return errors.Join(errs...)
}

// command is a command that ends with ctx, and with this process.
func command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.SysProcAttr = dieWithParent()
	return cmd
}
