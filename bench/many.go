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
)

// The many files of a shoal of five: how many, of how many bytes, and the least that
// are to be added in a second, and that are to be renamed, removed or undeleted.
const (
	manyFiles   = 3000
	manySize    = 2 << 10
	leastSafe   = 300
	leastNaming = 1500
)

// manyRow adds a folder of small files to a shoal of five, renames it, removes it
// and has it back: another in each round.
func manyRow(ctx context.Context, b *bench) (res result, err error) {
	folder := filepath.Join(b.dir, "many")
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := os.Mkdir(folder, 0o700); err != nil {
		return result{}, err
	}
	nodes, err := b.five(ctx)
	if err != nil {
		return result{}, err
	}
	times := make(map[string][]time.Duration)
	for round := range b.rounds + 1 {
		name := strconv.Itoa(round)
		source := filepath.Join(folder, name)
		if err := writeSmall(ctx, source, manyFiles, manySize); err != nil {
			return result{}, err
		}
		for _, step := range [][]string{{"add", source}, {"mv", name + "/", "new" + name + "/"}, {"rm", "new" + name + "/"}, {"undelete", "new" + name + "/"}} {
			took, err := timed(func() error {
				out, err := nodes[0].Run(ctx, append(step, "-q")...)
				return errors.Join(err, all(bytes.Count(out, []byte("\n")), manyFiles))
			})
			if err != nil {
				return result{}, fmt.Errorf("%s: %w", step[0], err)
			}
			if round > 0 { // the first does not count
				times[step[0]] = append(times[step[0]], took)
			}
		}
		if err := awaitSafe(ctx, nodes); err != nil {
			return result{}, err
		}
	}
	rate := func(verb string) float64 { return manyFiles / median(times[verb]).Seconds() }
	return result{
		Ours:       fmt.Sprintf("add %.0f/s, mv %.0f/s, rm %.0f/s, undelete %.0f/s", rate("add"), rate("mv"), rate("rm"), rate("undelete")),
		OurSeconds: inSeconds(times["add"]),
		Met:        rate("add") >= leastSafe && min(rate("mv"), rate("rm"), rate("undelete")) >= leastNaming,
	}, nil
}
