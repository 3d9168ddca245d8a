package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"shoal/internal/testnet"
)

// The bounds of a node's resident memory, in bytes.
const (
	maxBusy = 150 << 20
	maxIdle = 60 << 20
)

// settle is how long a node is left alone before it is called idle.
const settle = 2 * time.Second

// memoryRow is the most memory that two nodes had in a transfer of four times
// the sample's size, and what an idle one has.
func memoryRow(ctx context.Context, b *bench) (result, error) {
	idle, err := b.idleMemory(ctx)
	if err != nil {
		return result{}, err
	}
	source, getter, err := b.transferLarge(ctx)
	if err != nil {
		return result{}, err
	}
	gave, err := source.PeakMemory()
	if err != nil {
		return result{}, err
	}
	got, err := getter.PeakMemory()
	return result{
		Ours: mebibytes(max(gave, got)),
		Note: fmt.Sprintf("the source %s, the downloader %s, idle %s", mebibytes(gave), mebibytes(got), mebibytes(idle)),
		Met:  max(gave, got) <= maxBusy && idle <= maxIdle,
	}, err
}

// idleMemory is what a node has that has just started.
func (b *bench) idleMemory(ctx context.Context) (int64, error) {
	node, err := b.start(ctx)
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	bytes, err := node.Memory()
	return bytes, errors.Join(err, node.Stop())
}

// transferLarge moves the large file from one new node to another.
func (b *bench) transferLarge(ctx context.Context) (source, getter *testnet.Node, err error) {
	large := filepath.Join(b.dir, "large.bin")
	if err := testnet.WriteSample(ctx, large, 4*b.size); err != nil {
		return nil, nil, err
	}
	if source, err = b.start(ctx); err != nil {
		return nil, nil, err
	}
	id, err := addFile(ctx, source, large)
	if err := errors.Join(err, os.Remove(large)); err != nil {
		return nil, nil, err
	}
	if getter, err = b.startReader(ctx, source); err != nil {
		return nil, nil, err
	}
	_, _, err = b.get(ctx, getter, id)
	return source, getter, err
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
