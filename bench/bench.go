package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"shoal/internal/testnet"
)

// bench is one run of some rows.
type bench struct {
	binary string
	rounds int
	size   int64

	dir    string
	sample string // a file of size random bytes
	net    *testnet.Net
	nodes  int // started so far, for their names
}

// row is one measure.
type row struct {
	name   string
	target string
	run    func(ctx context.Context, b *bench) (result, error)
}

// result is what a row came to.
type result struct {
	ours   string
	theirs string
	ratio  string
	ok     bool
	note   string
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
		{"picker", "<= 2 us, 0 allocations", pickerRow},
	}
}

// run runs the rows that match, and prints what they came to.
func (b *bench) run(ctx context.Context, match *regexp.Regexp) (err error) {
	if b.dir, err = os.MkdirTemp("", "shoal-bench-"); err != nil {
		return err
	}
	b.net = testnet.New(b.binary, filepath.Join(b.dir, "nodes"))
	defer func() { err = errors.Join(err, b.net.Close(), os.RemoveAll(b.dir)) }()
	if err := b.warmUp(); err != nil {
		return err
	}
	lines := []string{"measure\tours\tthe other\tratio\ttarget\t\tnote"}
	for _, r := range rows() {
		if !match.MatchString(r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s %s...\n", time.Now().Format(time.TimeOnly), r.name)
		res, err := r.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		verdict := "met"
		if !res.ok {
			verdict = "MISSED"
		}
		lines = append(lines, strings.Join([]string{r.name, res.ours, res.theirs, res.ratio, r.target, verdict, res.note}, "\t"))
		if err := b.endNodes(); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, err = io.WriteString(table, strings.Join(lines, "\n")+"\n")
	return errors.Join(err, table.Flush())
}

// warmUp makes the sample, and before it a file that is deleted again: the
// first use of a page of memory costs a virtual machine dearly.
func (b *bench) warmUp() error {
	b.sample = filepath.Join(b.dir, "sample.bin")
	for _, path := range []string{filepath.Join(b.dir, "warm-up"), filepath.Join(b.dir, "warm-up2"), b.sample} {
		if err := writeRandom(path, b.size); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(filepath.Join(b.dir, "warm-up")), os.Remove(filepath.Join(b.dir, "warm-up2")))
}

func writeRandom(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(file, rand.Reader, size)
	return errors.Join(err, file.Close())
}

// start starts a node.
func (b *bench) start(ctx context.Context, args ...string) (*testnet.Node, error) {
	b.nodes++
	return b.net.Start(ctx, fmt.Sprintf("node%d", b.nodes), args...)
}

// endNodes ends all nodes and deletes what they had.
func (b *bench) endNodes() error {
	return errors.Join(b.net.Close(), os.RemoveAll(filepath.Join(b.dir, "nodes")))
}

// duel runs ours and theirs in turns, after a round of each that does not
// count, and returns the median times.
func (b *bench) duel(ours, theirs func() (time.Duration, error)) (our, their time.Duration, spread string, err error) {
	var a, z []time.Duration
	var ratios []float64
	for round := range b.rounds + 1 {
		o, err := ours()
		if err != nil {
			return 0, 0, "", err
		}
		t, err := theirs()
		if err != nil {
			return 0, 0, "", err
		}
		if round == 0 {
			continue
		}
		a, z, ratios = append(a, o), append(z, t), append(ratios, t.Seconds()/o.Seconds())
	}
	slices.Sort(ratios)
	return median(a), median(z), fmt.Sprintf("%.2f-%.2f", ratios[0], ratios[len(ratios)-1]), nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// compare makes a result of two times for the same bytes: the ratio of the
// rates is to be at least least.
func compare(bytes int64, our, their time.Duration, spread string, least float64) result {
	ratio := their.Seconds() / our.Seconds()
	return result{
		ours: rate(bytes, our), theirs: rate(bytes, their),
		ratio: fmt.Sprintf("%.2f (%s)", ratio, spread), ok: ratio >= least,
	}
}

func rate(bytes int64, d time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(bytes)/1e6/d.Seconds())
}

// timed runs what and says how long it took.
func timed(what func() error) (time.Duration, error) {
	start := time.Now()
	err := what()
	return time.Since(start), err
}
