package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// tester tests the mutants of one package.
type tester struct {
	options
	folder  string
	temp    string
	covered coverage
	mutants []mutant
	unit    *binary
	sim     *binary // nil if the simulator does not use the package
}

// newSimulator returns the simulator's seeds as tests; nil if there are to be none.
func newSimulator(ctx context.Context, temp string, seeds int) (*binary, error) {
	if seeds <= 0 {
		return nil, nil
	}
	const dir = "internal/testnet/sim"
	sim := &binary{
		pkg: "./" + dir, path: filepath.Join(temp, "sim.test"), dir: dir,
		args: []string{"-test.run=^TestSeeds$", "-quiet", fmt.Sprint("-seeds=", seeds)},
	}
	err := sim.measure(ctx)
	sim.slow = nil // it is the only one
	return sim, err
}

// newTester finds the mutants of a package and runs its tests without one.
// Properties get a fixed seed: a mutant dies in every run or in none. They do not
// shrink failures.
func newTester(ctx context.Context, o options, temp, folder string, sim *binary) (*tester, error) {
	profile := filepath.Join(temp, "cover.out")
	t := &tester{options: o, folder: folder, temp: temp, unit: &binary{pkg: "./" + folder, path: filepath.Join(temp, "unit.test"), dir: folder}}
	imports, err := output(exec.CommandContext(ctx, "go", "list", "-f", "{{.TestImports}} {{.XTestImports}}", "./"+folder))
	if err != nil {
		return nil, err
	}
	if bytes.Contains(imports, []byte("pgregory.net/rapid")) {
		t.unit.args = []string{"-rapid.seed=1", "-rapid.shrinktime=0s", "-rapid.nofailfile"}
	}
	if err := t.unit.measure(ctx); err != nil {
		return nil, err
	}
	args := append([]string{"test", "-vet=off", "-coverprofile", profile, "./" + folder}, t.unit.args...)
	if _, err := output(exec.CommandContext(ctx, "go", args...)); err != nil {
		return nil, err
	}
	if t.covered, err = readCoverage(profile); err != nil {
		return nil, err
	}
	if t.mutants, err = list(o.gremlins, folder, temp); err != nil {
		return nil, err
	}
	if sim != nil {
		deps, err := output(exec.CommandContext(ctx, "go", "list", "-deps", sim.pkg))
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(deps)+"\n", "/"+folder+"\n") {
			t.sim = sim
		}
	}
	return t, nil
}

// testMutants tests all mutants, some at a time, and shows each survivor when
// it is found.
func (t *tester) testMutants(ctx context.Context, known *equivalents) (result, error) {
	verdicts, errs := make([]verdict, len(t.mutants)), make([]error, t.workers)
	next, done := make(chan int), make(chan int)
	var workers sync.WaitGroup
	for w := range t.workers {
		workers.Go(func() {
			for i := range next {
				if errs[w] == nil {
					verdicts[i], errs[w] = t.verdict(ctx, t.mutants[i], known, fmt.Sprint("mutant-", w))
				}
				done <- i
			}
		})
	}
	go func() {
		for i := range t.mutants {
			next <- i
		}
		close(next)
		workers.Wait()
		close(done)
	}()
	row := result{folder: t.folder, covered: t.covered.percent(), count: make(map[verdict]int)}
	for i := range done {
		row.count[verdicts[i]]++
		switch m := t.mutants[i]; {
		case verdicts[i] != lived:
		case known.has(m):
			row.equivalent++
		default:
			t.say("%s:%d: lived\n%v\n", m.file, m.line, m)
		}
	}
	return row, errors.Join(errs...)
}

// verdict tests one mutant: by the package's own tests, and if it lives by the
// simulator. The simulator does not run for an equivalent mutant: it would pass.
func (t *tester) verdict(ctx context.Context, m mutant, known *equivalents, name string) (verdict, error) {
	if t.covered.misses(m.file, m.line, m.column) {
		return notRun, nil
	}
	v, err := t.unit.test(ctx, m, t.temp, name)
	if err != nil || v != lived || t.sim == nil || known.lists(m) {
		return v, err
	}
	v, err = t.sim.test(ctx, m, t.temp, name)
	if v == killed || v == timedOut {
		v = bySeeds
	}
	return v, err
}
