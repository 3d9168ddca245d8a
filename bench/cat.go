package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"shoal/internal/testnet"
)

// The file whose first byte is waited for, and how long that may take.
const (
	catSize      = 1 << 20
	maxFirstByte = 20 * time.Millisecond
)

// catRow is the time from the start of `shoal cat`, at a node that has nothing
// of the file, to the first byte that it prints.
func catRow(ctx context.Context, b *bench) (result, error) {
	source, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	getter, err := b.startReader(ctx, source)
	if err != nil {
		return result{}, err
	}
	var firsts, starts []time.Duration
	for range b.rounds {
		first, err := b.firstByte(ctx, source, getter)
		if err != nil {
			return result{}, err
		}
		start, err := timed(func() error {
			_, err := getter.Run(ctx, "version")
			return err
		})
		if err != nil {
			return result{}, err
		}
		firsts, starts = append(firsts, first), append(starts, start)
	}
	return result{
		Ours: milliseconds(median(firsts)), OurSeconds: inSeconds(firsts),
		Met:  median(firsts) <= maxFirstByte,
		Note: "of which starting any shoal command takes " + milliseconds(median(starts)),
	}, nil
}

// firstByte adds a new file at the source and waits for its first byte at the
// getter.
func (b *bench) firstByte(ctx context.Context, source, getter *testnet.Node) (time.Duration, error) {
	path := filepath.Join(b.dir, "first-byte")
	if err := testnet.WriteSample(ctx, path, catSize); err != nil {
		return 0, err
	}
	id, err := addFile(ctx, source, path)
	if err != nil {
		return 0, err
	}
	return untilFirstByte(getter.Command(ctx, "cat", id), catSize)
}

// untilFirstByte runs a command that is to print size bytes, to its end.
func untilFirstByte(cmd *exec.Cmd, size int64) (time.Duration, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	took := time.Since(start)
	rest, ended := io.Copy(io.Discard, out)
	if err := errors.Join(err, ended, cmd.Wait()); err != nil {
		return 0, err
	}
	if 1+rest != size {
		return 0, io.ErrUnexpectedEOF
	}
	return took, nil
}
