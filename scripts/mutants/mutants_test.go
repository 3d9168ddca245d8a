package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// source has an operator of each length at the places that the tests name.
const source = "package p\n\nfunc f(a, b int) bool { return a <= b }\n"

func TestMutate(t *testing.T) {
	for _, c := range []struct{ kind, want string }{
		{"CONDITIONALS_BOUNDARY", "a < b"},
		{"CONDITIONALS_NEGATION", "a > b"},
	} {
		m, err := mutate("p.go", []byte(source), c.kind, 3, strings.Index(source, "<=")-strings.Index(source, "func")+1)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(source, "a <= b", c.want, 1); string(m.source) != want {
			t.Errorf("%s: %q, want %q", c.kind, m.source, want)
		}
		if want := "p.go\n- func f(a, b int) bool { return a <= b }\n+ func f(a, b int) bool { return " + c.want + " }"; m.String() != want {
			t.Errorf("%s: %q, want %q", c.kind, m, want)
		}
	}
	for _, place := range [][2]int{{3, 1}, {3, 999}, {9, 1}, {0, 1}, {3, 0}} {
		if _, err := mutate("p.go", []byte(source), "CONDITIONALS_BOUNDARY", place[0], place[1]); err == nil {
			t.Errorf("there is an operator at %v", place)
		}
	}
}

// write makes a file with a text, and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEquivalents(t *testing.T) {
	known, err := readEquivalents(write(t, "# a comment\n\na/p.go\n- x < y\n+ x <= y\nx is never y.\n\na/p.go\n- x < 1\n+ x <= 1\nx is never 1.\n\nb/p.go\n- i++\n+ i--\nNobody reads i.\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !known.has(mutant{file: "a/p.go", before: "x < y", after: "x <= y"}) || known.has(mutant{file: "a/p.go", before: "x < y", after: "x >= y"}) {
		t.Error("an entry is found by something else than its file and lines")
	}
	if !known.lists(mutant{file: "a/p.go", before: "x < 1", after: "x <= 1"}) || known.lists(mutant{file: "b/p.go", before: "x < 1", after: "x <= 1"}) {
		t.Error("what is on the list is told wrongly")
	}
	stale := known.stale(map[string]bool{"a": true})
	if want := "a/p.go\n- x < 1\n+ x <= 1"; len(stale) != 1 || stale[0] != want {
		t.Errorf("out of date is %q, want %q", stale, want)
	}
	if _, err := readEquivalents(write(t, "a/p.go\n- x < y\n+ x <= y\n")); err == nil {
		t.Error("an entry without a reason is taken")
	}
	if _, err := readEquivalents("../../docs/mutants.txt"); err != nil {
		t.Error(err)
	}
}

func TestCoverage(t *testing.T) {
	c, err := readCoverage(write(t, "mode: set\nshoal/a/p.go:3.10,5.2 3 1\nshoal/a/p.go:7.1,8.5 1 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.percent(); got != 75 {
		t.Errorf("%v %% covered, want 75 %%", got)
	}
	for place, want := range map[[2]int]bool{
		{3, 12}: false, {4, 1}: false, // in a block that was run
		{7, 1}: true, {8, 4}: true, // in one that was not
		{8, 5}: false, {6, 1}: false, // in none
	} {
		if got := c.misses("a/p.go", place[0], place[1]); got != want {
			t.Errorf("%v is missed: %v, want %v", place, got, want)
		}
	}
}

// A package passes at the bar, and not below it; equivalent mutants and those that
// do not compile do not count, a hanging one is found.
func TestBar(t *testing.T) {
	nobody := &equivalents{}
	for _, c := range []struct {
		row result
		ok  bool
	}{
		{result{covered: 90, count: map[verdict]int{killed: 7, bySeeds: 1, timedOut: 1, lived: 1}}, true},
		{result{covered: 90, count: map[verdict]int{killed: 8, notViable: 9, lived: 1}}, false},
		{result{covered: 90, count: map[verdict]int{killed: 8, lived: 1}, equivalent: 1}, true},
		{result{covered: 89.9, count: map[verdict]int{killed: 9}}, false},
		{result{covered: 90, count: map[verdict]int{notRun: 9}}, true},
	} {
		if err := judge([]result{c.row}, nobody); (err == nil) != c.ok {
			t.Errorf("%v: %v", c.row, err)
		}
	}
}
