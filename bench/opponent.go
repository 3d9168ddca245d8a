package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startTLS starts a process that sends the sample, and returns its address.
func (b *bench) startTLS(ctx context.Context) (addr string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, tlsRole, "send", b.sample)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill() // it runs until it is killed
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("start the bare TLS copy: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}

// receiveTLS has a new process copy the sample from addr into a file, and
// deletes that.
func (b *bench) receiveTLS(ctx context.Context, addr string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	path := filepath.Join(b.dir, "out-tls")
	took, err := timed(func() error {
		cmd := exec.CommandContext(ctx, self, tlsRole, "receive", addr, path)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	})
	if err == nil {
		err = b.whole(path)
	}
	return took, errors.Join(err, os.Remove(path))
}
