package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"lukechampine.com/blake3"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/journal"
	"shoal/internal/network/host"
	"shoal/internal/record"
	"shoal/internal/testnet"
)

// A large catalogue: how many names, and the most that a newcomer may take to have
// them all, a search, and a node's memory.
const (
	manyNames = 1_000_000
	maxSync   = time.Minute
	maxSearch = 50 * time.Millisecond
	maxNames  = 300 << 20
)

// glanceSync is how often it is looked whether the newcomer has all: seldom, for
// each look costs what a command costs.
const glanceSync = 500 * time.Millisecond

// namesRow has a node know a million names, another join and hear of them, and
// both search.
func namesRow(ctx context.Context, b *bench) (result, error) {
	first, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	if err := first.Stop(); err != nil {
		return result{}, err
	}
	if err := nameMany(ctx, first.Data); err != nil {
		return result{}, err
	}
	if first, err = b.net.Restart(ctx, first); err != nil {
		return result{}, err
	}
	second, err := b.startReader(ctx, first)
	if err != nil {
		return result{}, err
	}
	synced, err := timed(func() error { return awaitName(ctx, second, lastName) })
	if err != nil {
		return result{}, err
	}
	searched, err := searches(ctx, second)
	if err != nil {
		return result{}, err
	}
	gave, err := first.Memory()
	if err != nil {
		return result{}, err
	}
	took, err := second.Memory()
	return result{
		Ours: fmt.Sprintf("%.0f s, search %.0f ms", synced.Seconds(), float64(searched.Microseconds())/1000),
		Note: fmt.Sprintf("%.0f names a second; the old node has %s, the new %s", manyNames/synced.Seconds(), mebibytes(gave), mebibytes(took)),
		Met:  synced <= maxSync && searched <= maxSearch && max(gave, took) <= maxNames,
	}, err
}

// nameMany puts many names into a node's catalogue while the node is not running:
// of files that are nowhere, and of which no copies are wanted.
func nameMany(ctx context.Context, data string) (err error) {
	key, err := host.LoadIdentity(filepath.Join(data, "identity.pem"))
	if err != nil {
		return err
	}
	names, err := catalog.Open(ctx, filepath.Join(data, "catalog.db"), catalog.Config{Now: time.Now, Trash: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, names.Close()) }()
	said, err := journal.Open(ctx, filepath.Join(data, "journal.db"), journal.Config{
		Shoal: record.NodeOf(key.Public().(ed25519.PublicKey)), Key: key, Now: time.Now, Apply: names.Apply,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, said.Close()) }()
	if err := names.Follow(ctx, said); err != nil {
		return err
	}
	if err := putMany(ctx, names); err != nil {
		return err
	}
	last := entryOf(0)
	last.Name = lastName
	return names.Put(ctx, last)
}

// lastName is said after all others.
const lastName = "zz/the last of all"

// putMany puts many names into a catalogue, with many calls at a time: they share
// the waiting for the disk.
func putMany(ctx context.Context, names *catalog.Catalog) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	for from := 0; from < manyNames; from += catalog.MaxPut {
		group.Go(func() error {
			var entries []shoal.Entry
			for i := from; i < min(from+catalog.MaxPut, manyNames); i++ {
				entries = append(entries, entryOf(i))
			}
			return names.Put(ctx, entries...)
		})
	}
	return group.Wait()
}

func entryOf(i int) shoal.Entry {
	id := blake3.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return shoal.Entry{ID: id, Name: nameOf(i), Size: int64(i), ChunkSize: 256 << 10, Added: time.UnixMilli(1_700_000_000_000 + int64(i))}
}

// nameOf is a name such as people give, all different.
func nameOf(i int) string {
	words := []string{"photo", "report", "holiday", "invoice", "music", "backup", "draft", "final", "summer", "winter", "alpha", "beta"}
	endings := []string{"jpg", "pdf", "txt", "mp4", "zip"}
	return fmt.Sprintf("%s/%s-%d/%s_%07d.%s", words[i%12], words[i/7%12], i/1000, words[i/3%12], i, endings[i%5])
}

// awaitName waits until a node knows a name.
func awaitName(ctx context.Context, node *testnet.Node, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if out, err := node.Run(ctx, "ls", name); err != nil || len(out) > 0 {
			return err
		}
		if err := pause(ctx, glanceSync); err != nil {
			return err
		}
	}
}

// searches is the median time of a search, from the start of the command to its end.
func searches(ctx context.Context, node *testnet.Node) (time.Duration, error) {
	var times []time.Duration
	for _, words := range [][]string{
		{"holiday"}, {"winter", "invoice"}, {"_0012345"}, {"no such thing"}, {"zq"}, {"photo/wint*"}, {"summer", "--type", "pdf"}, {"--type", "zip"}, {"beta", "--size", "+500kB"},
	} {
		took, err := timed(func() error {
			_, err := node.Run(ctx, slices.Concat([]string{"find", "--limit", "100"}, words)...)
			return err
		})
		if err != nil {
			return 0, err
		}
		times = append(times, took)
	}
	return median(times), nil
}
