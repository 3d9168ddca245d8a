package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// block is a run of statements with one counter.
type block struct {
	fromLine, fromColumn int
	toLine, toColumn     int
	statements, count    int
}

// coverage is the blocks of a package, by the base name of the file.
type coverage map[string][]block

// readCoverage reads a profile of `go test -coverprofile`.
func readCoverage(profile string) (coverage, error) {
	file, err := os.Open(profile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found := make(coverage)
	lines := bufio.NewScanner(file)
	lines.Scan() // the mode
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		var b block
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.fromLine, &b.fromColumn, &b.toLine, &b.toColumn, &b.statements, &b.count); err != nil {
			return nil, fmt.Errorf("read line %q of a coverage profile: %w", lines.Text(), err)
		}
		found[filepath.Base(name)] = append(found[filepath.Base(name)], b)
	}
	return found, lines.Err()
}

// percent is the percentage of the statements that were run.
func (c coverage) percent() float64 {
	run, all := 0, 0
	for _, blocks := range c {
		for _, b := range blocks {
			all += b.statements
			if b.count > 0 {
				run += b.statements
			}
		}
	}
	return percent(run, all)
}

// misses reports whether no test runs the code at a place. Constants and the
// conditions of a switch lie in no block: whether a test runs them is not known,
// and they count as run.
func (c coverage) misses(file string, line, column int) bool {
	missed := false
	for _, b := range c[filepath.Base(file)] {
		if b.has(line, column) {
			if b.count > 0 {
				return false
			}
			missed = true
		}
	}
	return missed
}

func (b block) has(line, column int) bool {
	after := line > b.fromLine || line == b.fromLine && column >= b.fromColumn
	before := line < b.toLine || line == b.toLine && column < b.toColumn
	return after && before
}

// percent is how many percent part is of all; of nothing it is 100.
func percent(part, all int) float64 {
	if all == 0 {
		return 100
	}
	return 100 * float64(part) / float64(all)
}
