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
	"syscall"
	"time"
)

// Node is one process. All its methods may be called by many goroutines at
// once.
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

// dieWithParent has the kernel kill a child whose parent is no more, so that
// nothing is left over even when we are killed ourselves.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// start starts the process and has it waited for. Its first line, or how much
// of one there was when it ended, comes over the channel.
func (n *Node) start() (first <-chan []byte, err error) {
	if n.log, err = os.Create(n.Data + ".log"); err != nil {
		return nil, err
	}
	n.cmd.Stderr = n.log
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, n.log.Close())
	}
	line := make(chan []byte, 1)
	go func() {
		defer close(n.ended)
		r := bufio.NewReader(out)
		said, _ := r.ReadBytes('\n') // an early end shows as a line that is no JSON
		line <- said
		_, _ = io.Copy(io.Discard, r)
		_ = n.cmd.Wait() // how it ended is in its log
	}()
	return line, nil
}

// awaitReady waits for the line by which the node says that it is up.
func (n *Node) awaitReady(ctx context.Context, first <-chan []byte) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	select {
	case line := <-first:
		return n.ready(line)
	case <-ctx.Done():
		return fmt.Errorf("node %s is not ready: %w: %s", n.Name, ctx.Err(), n.Log())
	}
}

// ready reads where the node is to be found.
func (n *Node) ready(line []byte) error {
	var ready struct {
		Type   string   `json:"type"`
		PeerID string   `json:"peer_id"`
		Listen []string `json:"listen"`
	}
	if err := json.Unmarshal(line, &ready); err != nil || ready.Type != "ready" || len(ready.Listen) == 0 {
		return fmt.Errorf("node %s is not ready but says %q: %s", n.Name, line, n.Log())
	}
	n.ID, n.Addr = ready.PeerID, ready.Listen[0]
	return nil
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
	return command(ctx, n.binary, append(args, "--data", n.Data)...)
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

// Kill ends the process as a power cut would, at once and without a word, and
// waits for that. One that has ended already is no error.
func (n *Node) Kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-n.ended
	return nil
}

// Stop asks the process to end and waits for that, at most for stopTimeout:
// then it is killed, which is an error.
func (n *Node) Stop() error {
	if err := n.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.ended:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("node %s does not stop: %s", n.Name, n.Log()), n.Kill())
	}
}

// Freeze stops the process where it is: its connections stay open and silent.
func (n *Node) Freeze() error { return n.signal(syscall.SIGSTOP) }

// Thaw has a frozen process go on.
func (n *Node) Thaw() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) error {
	if err := n.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("send %v to node %s: %w", s, n.Name, err)
	}
	return nil
}

// PID is the process's number.
func (n *Node) PID() int { return n.cmd.Process.Pid }
