package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"
	"lukechampine.com/blake3"

	"shoal/internal/testnet"
)

// demo is one run of the story.
type demo struct {
	binary string
	file   string
	size   int64

	dir   string
	id    string
	net   *testnet.Net
	nodes []*testnet.Node
}

// nodeNames are the six: the first has the file, the next four get it at the
// same time, the last gets it from all of them.
var nodeNames = [...]string{"ada", "ben", "cleo", "dan", "eva", "fay"} //nolint:gochecknoglobals // an array cannot be a constant

// run tells the story from beginning to end, and cleans up after it.
func (d *demo) run(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "shoal-demo-"); err != nil {
		return err
	}
	d.net = testnet.New(d.binary, filepath.Join(d.dir, "nodes"))
	defer func() { err = errors.Join(err, d.net.Close(), os.RemoveAll(d.dir)) }()
	for _, step := range []func(context.Context) error{d.prepare, d.start, d.add, d.getByFour, d.getUnderFire} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	say("\nAll is well.")
	return nil
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// prepare makes the file.
func (d *demo) prepare(context.Context) error {
	if d.file != "" {
		info, err := os.Stat(d.file)
		if err != nil {
			return err
		}
		d.size = info.Size()
		return nil
	}
	d.file = filepath.Join(d.dir, "sample.bin")
	out, err := os.Create(d.file)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.CopyN(out, rand.Reader, d.size); err != nil {
		return fmt.Errorf("make the sample: %w", err)
	}
	return out.Close()
}

// start starts the nodes. All but the first know the first alone.
func (d *demo) start(ctx context.Context) error {
	for _, name := range nodeNames {
		var args []string
		if len(d.nodes) > 0 {
			args = []string{"--peer", d.nodes[0].Addr}
		}
		node, err := d.net.Start(ctx, name, args...)
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, node)
	}
	say("Six nodes are up: %s. All but %[2]s know %[2]s alone.", strings.Join(nodeNames[:], ", "), nodeNames[0])
	return nil
}

// add adds the file at the first node.
func (d *demo) add(ctx context.Context) error {
	start := time.Now()
	out, err := d.nodes[0].Run(ctx, "add", "-q", d.file)
	if err != nil {
		return err
	}
	d.id = string(bytes.TrimSpace(out))
	say("%s added %s of it in %s:\n  %s", d.nodes[0].Name, humanize.IBytes(uint64(d.size)), since(start), d.id)
	return nil
}

func since(start time.Time) string { return fmt.Sprintf("%.2f s", time.Since(start).Seconds()) }

func (d *demo) output(node *testnet.Node) string { return filepath.Join(d.dir, "out-"+node.Name) }

// getByFour has four nodes get the file at the same time.
func (d *demo) getByFour(ctx context.Context) error {
	say("\nFour get it from %s, and from each other, at the same time:\n", d.nodes[0].Name)
	four := d.nodes[1:5]
	results := make([]testnet.Got, len(four))
	group, ctx := errgroup.WithContext(ctx)
	for i, node := range four {
		group.Go(func() (err error) {
			results[i], err = node.Get(ctx, d.id, d.output(node), nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, node := range four {
		if err := d.check(d.output(node)); err != nil {
			return fmt.Errorf("what %s got: %w", node.Name, err)
		}
		d.show(node.Name, results[i])
	}
	return nil
}

// getUnderFire has the last node get the file from the other five, two of which
// are killed half-way.
func (d *demo) getUnderFire(ctx context.Context) error {
	victims := d.nodes[1:3]
	last := d.nodes[5]
	say("\n%s gets it from all five. Half-way, %s and %s are killed:\n", last.Name, victims[0].Name, victims[1].Name)
	var kill sync.Once
	var killErr error
	killedAt := int64(-1)
	got, err := last.Get(ctx, d.id, d.output(last), func(p testnet.Progress) {
		if 2*p.Done >= p.Total && p.Total > 0 {
			kill.Do(func() {
				killedAt = p.Done
				for _, node := range victims {
					killErr = errors.Join(killErr, node.Kill())
				}
			})
		}
	})
	if err := errors.Join(err, killErr); err != nil {
		return err
	}
	if killedAt < 0 || killedAt >= d.size {
		return errors.New("the file came too fast for anyone to be killed half-way: try a larger one with -size or -file")
	}
	if err := d.check(d.output(last)); err != nil {
		return fmt.Errorf("what %s got: %w", last.Name, err)
	}
	d.show(last.Name, got)
	say("  killed at %d %% of the file; every byte checked against the sample, and its BLAKE3 by an independent path", 100*killedAt/d.size)
	return d.judge(got)
}

// judge fails the demonstration if it did not show what it is for.
func (d *demo) judge(got testnet.Got) error {
	if lost := got.Stats.Duplicates + got.Stats.Wasted; lost > d.size/100 {
		return fmt.Errorf("%d bytes were fetched twice or for nothing, more than 1 %% of the file", lost)
	}
	if sources := len(got.Stats.Sources); sources < 3 {
		return fmt.Errorf("only %d sources gave anything", sources)
	}
	return nil
}

// check compares a file with the sample, byte by byte, and its hash with the id.
func (d *demo) check(path string) error {
	want, err := os.Open(d.file)
	if err != nil {
		return err
	}
	defer want.Close()
	got, err := os.Open(path)
	if err != nil {
		return err
	}
	defer got.Close()
	hash := blake3.New(32, nil)
	if err := same(want, io.TeeReader(got, hash)); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != d.id {
		return fmt.Errorf("its BLAKE3 is %s", sum)
	}
	return nil
}

// same compares two readers to their ends.
func same(a, b io.Reader) error {
	left, right := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errA := io.ReadFull(a, left)
		m, errB := io.ReadFull(b, right)
		if n != m || !bytes.Equal(left[:n], right[:m]) {
			return errors.New("the bytes are not those of the sample")
		}
		if errA != nil || errB != nil {
			return ended(errA, errB)
		}
	}
}

// ended is nil when both readers came to their end.
func ended(errs ...error) error {
	for _, err := range errs {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	return nil
}

// show prints where a node's bytes came from.
func (d *demo) show(name string, got testnet.Got) {
	seconds := got.Stats.Elapsed.Seconds()
	say("  %-5s %9s  in %5.2f s  %6.0f MB/s  twice %-8s for nothing %s",
		name, humanize.IBytes(uint64(d.size)), seconds, float64(d.size)/1e6/seconds,
		humanize.IBytes(uint64(got.Stats.Duplicates)), humanize.IBytes(uint64(got.Stats.Wasted)))
	for _, source := range got.Stats.Sources {
		share := float64(source.Bytes) / float64(max(d.size, 1))
		say("        from %-5s %9s  %3.0f %%  %s", d.nameOf(source.Node), humanize.IBytes(uint64(source.Bytes)), 100*share,
			strings.Repeat("█", int(share*30+0.5)))
	}
}

func (d *demo) nameOf(peerID string) string {
	for _, node := range d.nodes {
		if node.ID == peerID {
			return node.Name
		}
	}
	return peerID
}
