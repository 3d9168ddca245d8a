package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"shoal/internal/testnet"
)

// seeded starts a node that has the sample, and returns the file's id.
func (b *bench) seeded(ctx context.Context, args ...string) (*testnet.Node, string, error) {
	node, err := b.start(ctx, args...)
	if err != nil {
		return nil, "", err
	}
	out, err := node.Run(ctx, "add", "-q", b.sample)
	return node, string(bytes.TrimSpace(out)), err
}

// get has a node get the file, and forget it again, and says how long the whole
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
	_, err = node.Run(ctx, "rm", "-q", ref)
	return took, got, errors.Join(err, os.Remove(output))
}

// getRow is one downloader and one source, against the bare TLS copy.
func getRow(ctx context.Context, b *bench) (result, error) {
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	return b.getAgainstRaw(ctx, source.Addr, id, "", 0.85)
}

// getAgainstRaw compares a get through peerAddr with the bare copy from
// rawAddr; an empty one is that of the sender itself.
func (b *bench) getAgainstRaw(ctx context.Context, peerAddr, id, rawAddr string, least float64) (result, error) {
	if rawAddr == "" {
		addr, stop, err := b.startRaw(ctx)
		if err != nil {
			return result{}, err
		}
		defer stop()
		rawAddr = addr
	}
	getter, err := b.start(ctx, "--peer", peerAddr)
	if err != nil {
		return result{}, err
	}
	our, their, spread, err := b.duel(
		func() (time.Duration, error) {
			took, _, err := b.get(ctx, getter, id)
			return took, err
		},
		func() (time.Duration, error) { return b.receiveRaw(ctx, rawAddr, filepath.Join(b.dir, "out-raw")) })
	if err != nil {
		return result{}, err
	}
	return compare(b.size, our, their, spread, least), nil
}

// fourRow is one downloader and four sources, against one source.
func fourRow(ctx context.Context, b *bench) (result, error) {
	sources := make([]*testnet.Node, 4)
	var id string
	for i := range sources {
		var err error
		if sources[i], id, err = b.seeded(ctx); err != nil {
			return result{}, err
		}
	}
	one, err := b.start(ctx, "--peer", sources[0].Addr)
	if err != nil {
		return result{}, err
	}
	var peers []string
	for _, source := range sources {
		peers = append(peers, "--peer", source.Addr)
	}
	four, err := b.start(ctx, peers...)
	if err != nil {
		return result{}, err
	}
	twice := int64(0)
	our, their, spread, err := b.duel(
		func() (time.Duration, error) {
			took, got, err := b.get(ctx, four, id)
			twice = max(twice, got.Stats.Duplicates)
			return took, err
		},
		func() (time.Duration, error) {
			took, _, err := b.get(ctx, one, id)
			return took, err
		})
	if err != nil {
		return result{}, err
	}
	res := compare(b.size, our, their, spread, 1)
	share := 100 * float64(twice) / float64(b.size)
	res.note = fmt.Sprintf("at most %.2f %% came twice", share)
	res.ok = res.ok && share < 1
	return res, nil
}

// memoryRow is the most memory that two nodes had in a transfer of four times
// the sample's size, and an idle one.
func memoryRow(ctx context.Context, b *bench) (result, error) {
	idle, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	idleBytes, err := idle.Memory()
	if err != nil {
		return result{}, err
	}
	large := filepath.Join(b.dir, "large.bin")
	if err := writeRandom(large, 4*b.size); err != nil {
		return result{}, err
	}
	source, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	out, err := source.Run(ctx, "add", "-q", large)
	if err := errors.Join(err, os.Remove(large)); err != nil {
		return result{}, err
	}
	getter, err := b.start(ctx, "--peer", source.Addr)
	if err != nil {
		return result{}, err
	}
	if _, _, err := b.get(ctx, getter, string(bytes.TrimSpace(out))); err != nil {
		return result{}, err
	}
	var most int64
	for _, node := range []*testnet.Node{source, getter} {
		peak, err := node.PeakMemory()
		if err != nil {
			return result{}, err
		}
		most = max(most, peak)
	}
	mib := func(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
	return result{
		ours: mib(most), theirs: "", ratio: "", note: "idle " + mib(idleBytes),
		ok: most <= 150<<20 && idleBytes <= 60<<20,
	}, nil
}

// smallRow is ten thousand files of 4 KiB.
func smallRow(ctx context.Context, b *bench) (result, error) {
	const files, size = 10_000, 4096
	folder := filepath.Join(b.dir, "small")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return result{}, err
	}
	var making errgroup.Group
	making.SetLimit(8)
	for i := range files {
		making.Go(func() error { return writeRandom(filepath.Join(folder, fmt.Sprintf("%05d", i)), size) })
	}
	if err := making.Wait(); err != nil {
		return result{}, err
	}
	source, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	added, err := timed(func() error {
		_, err := source.Run(ctx, "add", "-q", folder)
		return err
	})
	if err != nil {
		return result{}, err
	}
	getter, err := b.start(ctx, "--peer", source.Addr)
	if err != nil {
		return result{}, err
	}
	output := filepath.Join(b.dir, "small-out")
	got, err := timed(func() error {
		_, err := getter.Run(ctx, "get", "small/", "-q", "-o", output+"/")
		return err
	})
	add, get := files/added.Seconds(), files/got.Seconds()
	return result{ours: fmt.Sprintf("add %.0f/s, get %.0f/s", add, get), ok: add >= 2000 && get >= 1000},
		errors.Join(err, os.RemoveAll(folder), os.RemoveAll(output))
}
