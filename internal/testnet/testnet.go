// Package testnet runs nodes as processes of their own, for demonstrations,
// benchmarks and tests that want the real thing: real sockets, real disks, real
// kills. It drives them through the command line alone, as a person would.
package testnet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyTimeout bounds the start of a node, stopTimeout its orderly end.
const (
	readyTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// Net is a few nodes on this machine's loopback.
type Net struct {
	binary string
	dir    string

	mu    sync.Mutex // guards nodes
	nodes []*Node
}

// Node is one process.
type Node struct {
	Name string
	ID   string // its peer id
	Addr string // a multiaddr to reach it at
	Data string // its data folder

	binary string
	cmd    *exec.Cmd
	log    *os.File
	ended  chan struct{} // closed when the process has ended
}

// New returns a net without nodes, of the shoal program binary, whose nodes
// keep their data in folders below dir.
func New(binary, dir string) *Net { return &Net{binary: binary, dir: dir} }

// Start starts a node and returns when it is ready. args are added to its
// command line; the node listens on a free loopback port unless they say
// otherwise. It ends with ctx, or with Close.
func (n *Net) Start(ctx context.Context, name string, args ...string) (*Node, error) {
	node := &Node{Name: name, Data: filepath.Join(n.dir, name), binary: n.binary, ended: make(chan struct{})}
	all := append([]string{"up", "--json", "--name", name, "--data", node.Data, "--listen", "127.0.0.1:0"}, args...)
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if node.log, err = os.Create(node.Data + ".log"); err != nil {
		return nil, err
	}
	node.cmd = exec.CommandContext(ctx, n.binary, all...)
	node.cmd.Stderr = node.log
	node.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := node.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := node.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node %s: %w", name, err)
	}
	n.mu.Lock()
	n.nodes = append(n.nodes, node)
	n.mu.Unlock()
	return node, node.awaitReady(out)
}

// awaitReady reads the line by which the node says that it is up, and has the
// process waited for.
func (n *Node) awaitReady(out io.Reader) error {
	line := make(chan []byte, 1)
	go func() {
		defer close(n.ended)
		r := bufio.NewReader(out)
		first, _ := r.ReadBytes('\n') // an early end shows as a line that is no JSON
		line <- first
		_, _ = io.Copy(io.Discard, r)
		_ = n.cmd.Wait() // how it ended is in its log
	}()
	select {
	case first := <-line:
		var ready struct {
			PeerID string   `json:"peer_id"`
			Listen []string `json:"listen"`
		}
		if err := json.Unmarshal(first, &ready); err != nil || len(ready.Listen) == 0 {
			return fmt.Errorf("node %s is not ready but says %q: %s", n.Name, first, n.Log())
		}
		n.ID, n.Addr = ready.PeerID, ready.Listen[0]
		return nil
	case <-time.After(readyTimeout):
		return fmt.Errorf("node %s is not ready after %v: %s", n.Name, readyTimeout, n.Log())
	}
}

// Log is what the node wrote to stderr.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Command is a shoal command that asks this node.
func (n *Node) Command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, n.binary, append(args, "--data", n.Data)...)
}

// Run runs a shoal command that asks this node, and returns its stdout. An
// error has its stderr in it.
func (n *Node) Run(ctx context.Context, args ...string) ([]byte, error) {
	out, err := n.Command(ctx, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out, fmt.Errorf("shoal %s: %w: %s", args[0], err, exit.Stderr)
	}
	return out, err
}

// Kill ends the process as a power cut would: at once, without a word.
func (n *Node) Kill() error {
	if err := n.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill node %s: %w", n.Name, err)
	}
	<-n.ended
	return nil
}

// Stop asks the process to end, and waits for it.
func (n *Node) Stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop node %s: %w", n.Name, err)
	}
	select {
	case <-n.ended:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("node %s does not stop", n.Name), n.Kill())
	}
}

// Freeze stops the process where it is, and Thaw has it go on.
func (n *Node) Freeze() error { return n.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw has a frozen process go on.
func (n *Node) Thaw() error { return n.cmd.Process.Signal(syscall.SIGCONT) }

// PID is the process's number.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Close ends every node that is still up, at once, and closes their logs.
func (n *Net) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, node := range n.nodes {
		select {
		case <-node.ended:
		default:
			errs = append(errs, node.Kill())
		}
		errs = append(errs, node.log.Close())
	}
	n.nodes = nil
	return errors.Join(errs...)
}

// Memory is what of the node is in memory now, in bytes.
func (n *Node) Memory() (int64, error) { return n.statusKiB("VmRSS") }

// PeakMemory is the most of the node that ever was in memory, in bytes.
func (n *Node) PeakMemory() (int64, error) { return n.statusKiB("VmHWM") }

// statusKiB reads a size from the process's status (proc(5)).
func (n *Node) statusKiB(field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("node %s has no %s", n.Name, field)
}
