package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"lukechampine.com/blake3"

	"shoal/internal/content"
)

// hashRow hashes the sample in the page cache, against BLAKE3 of the same bytes
// in memory on all cores.
func hashRow(ctx context.Context, b *bench) (result, error) {
	data, err := os.ReadFile(b.sample)
	if err != nil {
		return result{}, err
	}
	file, err := os.Open(b.sample)
	if err != nil {
		return result{}, err
	}
	defer file.Close()
	our, their, spread, err := b.duel(
		func() (time.Duration, error) {
			return timed(func() error {
				_, err := content.HashReaderAt(ctx, file, b.size, content.DefaultChunkSize(b.size), nil)
				return err
			})
		},
		func() (time.Duration, error) {
			return timed(func() error { blake3.Sum256(data); return nil })
		})
	if err != nil {
		return result{}, err
	}
	return compare(b.size, our, their, spread, 0.85), nil
}

// addRow adds the sample to a node, against cp and a BLAKE3 of the copy.
func addRow(ctx context.Context, b *bench) (result, error) {
	node, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	their := func() (time.Duration, error) {
		path := filepath.Join(b.dir, "copy")
		took, err := timed(func() error { return copyAndHash(ctx, b.sample, path) })
		return took, errors.Join(err, os.Remove(path))
	}
	our := func() (time.Duration, error) {
		var id []byte
		took, err := timed(func() (err error) {
			id, err = node.Run(ctx, "add", "-q", b.sample)
			return err
		})
		if err != nil {
			return 0, err
		}
		_, err = node.Run(ctx, "rm", "-q", string(bytes.TrimSpace(id)))
		return took, err
	}
	o, t, spread, err := b.duel(our, their)
	if err != nil {
		return result{}, err
	}
	res := compare(b.size, o, t, spread, 1/1.25)
	res.note = fmt.Sprintf("%.2f x its time; add is durable when it returns, cp is not", o.Seconds()/t.Seconds())
	return res, nil
}

func copyAndHash(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	file, err := os.Open(to)
	if err != nil {
		return err
	}
	hash := blake3.New(32, nil)
	_, err = io.CopyBuffer(hash, struct{ io.Reader }{file}, make([]byte, 1<<20))
	return errors.Join(err, file.Close())
}

// catRow is the first byte of a file of 1 MiB that is at another node, from the
// start of the command on.
func catRow(ctx context.Context, b *bench) (result, error) {
	source, err := b.start(ctx)
	if err != nil {
		return result{}, err
	}
	getter, err := b.start(ctx, "--peer", source.Addr)
	if err != nil {
		return result{}, err
	}
	var firsts, starts []time.Duration
	for range max(b.rounds, 5) {
		path := filepath.Join(b.dir, "first")
		if err := writeRandom(path, 1<<20); err != nil {
			return result{}, err
		}
		id, err := source.Run(ctx, "add", "-q", path)
		if err != nil {
			return result{}, err
		}
		first, err := firstByte(getter.Command(ctx, "cat", string(bytes.TrimSpace(id))))
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
	first := median(firsts)
	return result{
		ours: fmt.Sprintf("%.1f ms", first.Seconds()*1e3), ok: first <= 20*time.Millisecond,
		note: fmt.Sprintf("of which the command's own start is %.1f ms", median(starts).Seconds()*1e3),
	}, nil
}

func firstByte(cmd *exec.Cmd) (time.Duration, error) {
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
	_, rest := io.Copy(io.Discard, out)
	return took, errors.Join(err, rest, cmd.Wait())
}

// pickScenarios are those that a swarm can bring about; one more is made to be
// as bad as can be.
const pickScenarios = `^BenchmarkPick$/^(seeds|half-partial|all-partial|sparse|sparse-and-seeds|disjoint|late.*)$`

// pickLine is a benchmark's line: its name, ns and allocations.
const pickLine = `(?m)^Benchmark(\S*)\s+\d+\s+([\d.]+) ns/op.*\s(\d+) allocs/op`

// pickerRow runs the picker's own benchmarks, of 262,144 chunks and 64 peers.
func pickerRow(ctx context.Context, _ *bench) (result, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pickScenarios, "-benchtime", "300000x", "-benchmem", "./internal/transfer/picker").CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("go test: %w: %s", err, out)
	}
	worst, name, allocations := 0.0, "", 0
	for _, line := range regexp.MustCompile(pickLine).FindAllStringSubmatch(string(out), -1) {
		nanos, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			return result{}, err
		}
		allocs, err := strconv.Atoi(line[3])
		if err != nil {
			return result{}, err
		}
		allocations += allocs
		if nanos > worst {
			worst, name = nanos, line[1]
		}
	}
	if name == "" {
		return result{}, fmt.Errorf("no benchmark was run: %s", out)
	}
	return result{ours: fmt.Sprintf("%.0f ns", worst), note: "the slowest: " + name, ok: worst <= 2000 && allocations == 0}, nil
}
