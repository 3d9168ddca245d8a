package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"shoal/internal/testnet"
)

// bench is one run of some rows.
type bench struct {
	binary string
	rounds int
	size   int64 // of the sample, bytes

	dir    string // everything that is written lies below it
	sample string // a file of random bytes
	net    *testnet.Net
	nodes  int // started so far, for their names
}

// row is one measure.
type row struct {
	name   string
	target string
	run    func(ctx context.Context, b *bench) (result, error)
}

func rows() []row {
	return []row{
		{"hash", "0.85 x raw BLAKE3", hashRow},
		{"add", "time <= 1.25 x (cp + BLAKE3)", addRow},
		{"get", "0.85 x bare TLS copy", getRow},
		{"get-curl", "1.0 x curl from nginx", curlRow},
		{"get-four", "1.0 x from one, < 1 % twice", fourRow},
		{"small", "add 2,000/s, get 1,000/s", smallRow},
		{"memory", "<= 150 MiB, idle <= 60 MiB", memoryRow},
		{"relay", "0.7 x bare TLS, 30 ms each way", relayRow},
		{"cat", "first byte <= 20 ms", catRow},
		{"notice", "<= 10 s", noticeRow},
		{"heal", "0.5 x get from one", healRow},
		{"many", "add 300/s, mv, rm, undelete 1,500/s", manyRow},
		{"add-safe", "0.4 x add --wait local", safeRow},
		{"reboot", "0 bytes copied", rebootRow},
		{"idle", "<= 1 % of a core, <= 2 KB/s", idleRow},
		{"names", "first sync <= 60 s, search <= 50 ms", namesRow},
		{"picker", "<= 2 us, 0 allocations", pickerRow},
	}
}

// run runs the rows that match. A row that fails is a result too; the error
// tells that none could be run, or that ctx has ended.
func (b *bench) run(ctx context.Context, match *regexp.Regexp) (results []result, err error) {
	if b.dir, err = os.MkdirTemp("", "shoal-bench-"); err != nil {
		return nil, err
	}
	b.net = testnet.New(b.binary, filepath.Join(b.dir, "nodes"))
	defer func() { err = errors.Join(err, b.net.Close(), os.RemoveAll(b.dir)) }()
	if err := b.warmUp(ctx); err != nil {
		return nil, err
	}
	for _, r := range rows() {
		if !match.MatchString(r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s %s...\n", time.Now().Format(time.TimeOnly), r.name)
		res, err := r.run(ctx, b)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		res.Name, res.Target = r.name, r.target
		res.fail(errors.Join(err, b.endNodes()))
		results = append(results, res)
	}
	return results, nil
}

// warmUp makes the sample, and before it two files that are deleted again: the
// first use of a page of memory costs a virtual machine dearly.
func (b *bench) warmUp(ctx context.Context) error {
	first, second := filepath.Join(b.dir, "first"), filepath.Join(b.dir, "second")
	b.sample = filepath.Join(b.dir, "sample.bin")
	for _, path := range []string{first, second, b.sample} {
		if err := testnet.WriteSample(ctx, path, b.size); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(first), os.Remove(second))
}

// start starts a node.
func (b *bench) start(ctx context.Context, args ...string) (*testnet.Node, error) {
	b.nodes++
	return b.net.Start(ctx, fmt.Sprintf("node%d", b.nodes), args...)
}

// startReader starts a node that belongs to a source's shoal, and keeps nothing
// for it.
func (b *bench) startReader(ctx context.Context, source *testnet.Node, args ...string) (*testnet.Node, error) {
	b.nodes++
	return b.net.Join(ctx, source, "reader", fmt.Sprintf("node%d", b.nodes), args...)
}

// endNodes ends all nodes and deletes what they had.
func (b *bench) endNodes() error {
	return errors.Join(b.net.Close(), os.RemoveAll(filepath.Join(b.dir, "nodes")))
}
