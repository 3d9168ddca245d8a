package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"shoal"
	"shoal/internal/testnet"
)

// demo is one run of the story.
type demo struct {
	binary string
	file   string
	size   int64
	say    io.Writer

	dir   string
	id    string
	net   *testnet.Net
	nodes []*testnet.Node
}

// names are the six: the first has the file, the next four get it at the same
// time, the last gets it from all of them.
func names() []string { return []string{"ada", "ben", "cleo", "dan", "eva", "fay"} }

// run tells the story from beginning to end, and cleans up after it.
func (d *demo) run(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "shoal-demo-"); err != nil {
		return err
	}
	d.net = testnet.New(d.binary, filepath.Join(d.dir, "nodes"))
	defer func() { err = errors.Join(err, d.net.Close(), os.RemoveAll(d.dir)) }()
	for _, step := range []func(context.Context) error{d.prepare, d.start, d.add, d.getByFour, d.getUnderFire, d.heal} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.tell("\nAll is well.")
	return nil
}

func (d *demo) tell(format string, args ...any) { fmt.Fprintf(d.say, format+"\n", args...) }

// prepare makes the file.
func (d *demo) prepare(ctx context.Context) error {
	if d.file == "" {
		d.file = filepath.Join(d.dir, "sample.bin")
		return testnet.WriteSample(ctx, d.file, d.size)
	}
	info, err := os.Stat(d.file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", d.file)
	}
	d.size = info.Size()
	return nil
}

// start starts the nodes: one that keeps what it is given, and five that only
// read.
func (d *demo) start(ctx context.Context) error {
	first, err := d.net.Start(ctx, names()[0])
	if err != nil {
		return err
	}
	d.nodes = append(d.nodes, first)
	for _, name := range names()[1:] {
		node, err := d.net.Join(ctx, first, "reader", name)
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, node)
	}
	d.tell("Six nodes are up: %s. The first has invited the others as readers, who keep nothing for it.", strings.Join(names(), ", "))
	return nil
}

// add adds the file at the first node.
func (d *demo) add(ctx context.Context) error {
	start := time.Now()
	out, err := d.nodes[0].Run(ctx, "add", "-q", d.file)
	if err != nil {
		return err
	}
	took := time.Since(start)
	d.id = string(bytes.TrimSpace(out))
	if err := d.check(ctx, d.file); err != nil {
		return err
	}
	d.tell("%s adds %s in %s (%s):\n  %s", d.nodes[0].Name, shoal.FormatSize(d.size), seconds(took), rate(d.size, took), d.id)
	return nil
}

func (d *demo) output(node *testnet.Node) string { return filepath.Join(d.dir, "out-"+node.Name) }

// getByFour has four nodes get the file at the same time.
func (d *demo) getByFour(ctx context.Context) error {
	d.tell("\nFour get it from %s, and from each other, at the same time:\n", d.nodes[0].Name)
	four := d.nodes[1:5]
	results := make([]testnet.Got, len(four))
	group, together := errgroup.WithContext(ctx)
	for i, node := range four {
		group.Go(func() (err error) {
			results[i], err = node.Get(together, d.id, d.output(node), nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	account := newAccount(d.names())
	for i, node := range four {
		if err := d.check(ctx, d.output(node)); err != nil {
			return fmt.Errorf("what %s got: %w", node.Name, err)
		}
		account.add(node.Name, results[i].Stats)
	}
	return account.print(d.say)
}

// getUnderFire has the last node get the file from the other five, two of which
// are killed half-way.
func (d *demo) getUnderFire(ctx context.Context) error {
	last := d.nodes[5]
	trap := newAmbush(d.nodes[1:3])
	d.tell("\n%s gets it from all five; half-way, kill -9 ends %s:\n", last.Name, trap.names())
	got, err := last.Get(ctx, d.id, d.output(last), trap.watch)
	if err != nil {
		return err
	}
	account := newAccount(d.names(), trap.order...)
	account.add(last.Name, got.Stats)
	if err := account.print(d.say); err != nil {
		return err
	}
	if err := errors.Join(trap.judge(), judge(got.Stats, d.size), d.check(ctx, d.output(last))); err != nil {
		return err
	}
	d.tell("\n  They were killed at %d %% of the file, and %s went on without them.", trap.percent(), last.Name)
	d.tell("  Each of the five files is the sample, byte by byte, and has its BLAKE3 (%s).", hasher())
	return nil
}

// names is what the nodes are called.
func (d *demo) names() map[string]string {
	names := make(map[string]string, len(d.nodes))
	for _, node := range d.nodes {
		names[node.ID] = node.Name
	}
	return names
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func rate(n int64, d time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(n)/1e6/max(d.Seconds(), 1e-9))
}
