package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"

	"shoal/internal/testnet"
)

// getRow is one downloader and one source, against the bare TLS copy.
func getRow(ctx context.Context, b *bench) (result, error) {
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	addr, stop, err := b.startTLS(ctx)
	if err != nil {
		return result{}, err
	}
	defer stop()
	getter, err := b.startReader(ctx, source)
	if err != nil {
		return result{}, err
	}
	return b.getAgainst(ctx, getter, id, 0.85, func() (time.Duration, error) { return b.receiveTLS(ctx, addr) })
}

// getAgainst has a node get a file, in turns with the opponent.
func (b *bench) getAgainst(ctx context.Context, getter *testnet.Node, id string, least float64, opponent contestant) (result, error) {
	m, err := b.duel(func() (time.Duration, error) {
		took, _, err := b.get(ctx, getter, id)
		return took, err
	}, opponent)
	if err != nil {
		return result{}, err
	}
	return m.result(b.size, least), nil
}

// seeded starts a node that has the sample, and returns the file's id.
func (b *bench) seeded(ctx context.Context) (*testnet.Node, string, error) {
	node, err := b.start(ctx)
	if err != nil {
		return nil, "", err
	}
	id, err := addFile(ctx, node, b.sample)
	return node, id, err
}

// addFile has a node add one file, and returns its id.
func addFile(ctx context.Context, node *testnet.Node, path string) (string, error) {
	id, err := node.Run(ctx, "add", "-q", path)
	return string(bytes.TrimSpace(id)), err
}

// get has a node get a file, deletes it again, and says how long the whole
// command took.
func (b *bench) get(ctx context.Context, node *testnet.Node, ref string) (time.Duration, testnet.Got, error) {
	output := filepath.Join(b.dir, "out-"+node.Name)
	var got testnet.Got
	took, err := timed(func() (err error) {
		got, err = node.Get(ctx, ref, output, nil)
		return err
	})
	if err != nil {
		return 0, got, err
	}
	return took, got, os.Remove(output)
}
