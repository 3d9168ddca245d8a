package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"shoal/internal/testnet"
)

// The small files: how many, of how many bytes, and the least that are to be
// added and got in a second.
const (
	smallFiles  = 10_000
	smallSize   = 4 << 10
	leastAdded  = 2000
	leastGotten = 1000
)

// smallRow adds a folder of small files at one node, and gets all of it at
// another, both new in every round.
func smallRow(ctx context.Context, b *bench) (res result, err error) {
	folder, outputs := filepath.Join(b.dir, "small"), filepath.Join(b.dir, "small-out")
	defer func() { err = errors.Join(err, os.RemoveAll(folder), os.RemoveAll(outputs)) }()
	if err := writeSmall(ctx, folder, smallFiles, smallSize); err != nil {
		return result{}, err
	}
	var adds, gets, works []time.Duration
	for round := range b.rounds {
		// Each round writes to a folder of its own, and none is deleted before the
		// last: for five seconds after, ext4 without a journal looks at each inode
		// that was freed before it makes a file (recently_deleted, ialloc.c).
		add, get, work, err := b.small(ctx, folder, filepath.Join(outputs, strconv.Itoa(round)))
		if err != nil {
			return result{}, err
		}
		adds, gets, works = append(adds, add), append(gets, get), append(works, work)
	}
	added, gotten := smallFiles/median(adds).Seconds(), smallFiles/median(gets).Seconds()
	return result{
		Ours:       fmt.Sprintf("add %.0f/s, get %.0f/s", added, gotten),
		OurSeconds: append(inSeconds(adds), inSeconds(gets)...),
		Met:        added >= leastAdded && gotten >= leastGotten,
		Note:       fmt.Sprintf("a get is %d us of processor time, of both nodes", median(works).Microseconds()/smallFiles),
	}, nil
}

// writeSmall makes a folder of so many files of size bytes.
func writeSmall(ctx context.Context, folder string, files int, size int64) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(8)
	for i := range files {
		group.Go(func() error {
			return testnet.WriteSample(ctx, filepath.Join(folder, fmt.Sprintf("%05d", i)), size)
		})
	}
	return group.Wait()
}

// small is one round: how long it took to add and to get, and how long the
// processor worked for both nodes while they got.
func (b *bench) small(ctx context.Context, folder, output string) (add, get, work time.Duration, err error) {
	source, err := b.start(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	if add, err = timed(func() error {
		out, err := source.Run(ctx, "add", "-q", folder)
		return errors.Join(err, all(bytes.Count(out, []byte("\n")), smallFiles))
	}); err != nil {
		return 0, 0, 0, err
	}
	getter, err := b.startReader(ctx, source)
	if err != nil {
		return 0, 0, 0, err
	}
	before, err := processorTime(source, getter)
	if err != nil {
		return 0, 0, 0, err
	}
	get, err = timed(func() error {
		_, err := getter.Run(ctx, "get", filepath.Base(folder)+"/", "-q", "-o", output+"/")
		return err
	})
	after, timeErr := processorTime(source, getter)
	if err = errors.Join(err, timeErr); err == nil {
		err = allBelow(output)
	}
	return add, get, after - before, errors.Join(err, b.endNodes())
}

// allBelow is an error unless all small files are in the one folder below
// output.
func allBelow(output string) error {
	files, err := filepath.Glob(filepath.Join(output, "*", "*"))
	return errors.Join(err, all(len(files), smallFiles))
}

func all(files, want int) error {
	if files != want {
		return fmt.Errorf("there are %d files, not %d", files, want)
	}
	return nil
}
