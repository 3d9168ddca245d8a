package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"lukechampine.com/blake3"

	"shoal/internal/testnet"
)

// addRow adds the sample to a node, against cp and then a BLAKE3 of it on all
// cores.
func addRow(ctx context.Context, b *bench) (result, error) {
	node, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	m, err := b.duel(
		func() (time.Duration, error) { return b.add(ctx, node) },
		func() (time.Duration, error) { return b.copyAndHash(ctx) })
	if err != nil {
		return result{}, err
	}
	res := m.result(b.size, 1/1.25)
	res.Note = fmt.Sprintf("%.2f x its time; add is durable when it returns, cp is not", 1/m.ratio())
	return res, nil
}

// add has a node add the sample, and forget it again.
func (b *bench) add(ctx context.Context, node *testnet.Node) (time.Duration, error) {
	var id []byte
	took, err := timed(func() (err error) {
		id, err = node.Run(ctx, "add", "-q", b.sample)
		return err
	})
	if err != nil {
		return 0, err
	}
	_, err = node.Run(ctx, "rm", "-q", string(bytes.TrimSpace(id)))
	return took, err
}

// copyAndHash is what add does, with nothing around it: cp, then BLAKE3.
func (b *bench) copyAndHash(ctx context.Context) (time.Duration, error) {
	path := filepath.Join(b.dir, "copy")
	took, err := timed(func() error {
		if out, err := exec.CommandContext(ctx, "cp", b.sample, path).CombinedOutput(); err != nil {
			return fmt.Errorf("cp: %w: %s", err, out)
		}
		return mappedHash(path)
	})
	return took, errors.Join(err, os.Remove(path))
}

// mappedHash hashes a file on all cores, mapped into memory as by b3sum.
func mappedHash(path string) error {
	data, unmap, err := mapped(path)
	if err != nil {
		return err
	}
	blake3.Sum256(data)
	return unmap()
}
