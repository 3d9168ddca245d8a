package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// result counts the mutants of one package by verdict.
type result struct {
	folder     string
	covered    float64 // percent of the statements that the package's tests run
	count      map[verdict]int
	equivalent int // survivors on the list of equivalents
}

// mutants is how many compile.
func (r result) mutants() (n int) {
	for v, count := range r.count {
		if v != notViable {
			n += count
		}
	}
	return n
}

// killed is the percentage of the mutants in covered code that a test found;
// equivalent ones do not count.
func (r result) killed() float64 {
	found := r.count[killed] + r.count[bySeeds] + r.count[timedOut]
	return percent(found, found+r.count[lived]-r.equivalent)
}

// below reports whether the package is under the bar.
func (r result) below() bool { return r.covered < bar || r.killed() < bar }

// String is a row of a table in Markdown.
func (r result) String() string {
	return fmt.Sprintf("| %s | %.1f %% | %d | %d | %d | %d | %d | %d | %d | %.1f %% |", strings.TrimPrefix(r.folder, "internal/"), r.covered, r.mutants(),
		r.count[killed], r.count[bySeeds], r.count[timedOut], r.count[notRun], r.count[lived]-r.equivalent, r.equivalent, r.killed())
}

func table(rows []result) string {
	lines := []string{
		"| package | code covered | mutants | killed by unit tests | by seeds | timed out | not covered | lived | equivalent | killed of covered |",
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
	}
	for _, r := range rows {
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n")
}

// judge returns an error for each package under the bar and for each entry of the
// list that is out of date.
func judge(rows []result, known *equivalents) error {
	var errs []error
	folders := make(map[string]bool)
	for _, r := range rows {
		folders[r.folder] = true
		if r.below() {
			errs = append(errs, fmt.Errorf("%s is under the bar of %d %%", r.folder, bar))
		}
	}
	stale := known.stale(folders)
	slices.Sort(stale)
	for _, entry := range stale {
		errs = append(errs, fmt.Errorf("listed as equivalent, but it did not live: delete this entry\n%s", entry))
	}
	return errors.Join(errs...)
}
