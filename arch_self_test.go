package shoal_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// TestRulesCanFail shows every rule a file that breaks it and one like it that
// does not: a rule that finds nothing anywhere proves nothing.
func TestRulesCanFail(t *testing.T) {
	long := strings.Repeat("\n", maxFuncLines)
	for _, c := range []struct {
		name, rule, path, text string
		want                   string // part of the one finding; "" for none
	}{
		{"up", "ranks", "internal/storage/disk/a.go", imports("shoal/internal/node"), "imports go down"},
		{"sideways", "ranks", "internal/storage/disk/a.go", imports("shoal/internal/transfer/fetch"), "(rank 2) may not import"},
		{"down", "ranks", "internal/node/a.go", imports("shoal", "shoal/internal/storage/disk", "fmt"), ""},
		{"within", "ranks", "internal/storage/disk/a.go", imports("shoal/internal/storage"), ""},
		{"door", "ranks", "internal/transfer/fetch/a.go", imports("shoal/internal/network/wire"), ""},
		{"beside a door", "ranks", "internal/transfer/fetch/a.go", imports("shoal/internal/network/host"), "imports go down"},
		{"test sideways", "ranks", "internal/transfer/fetch/a_test.go", imports("shoal/internal/network/memnet"), ""},
		{"test up", "ranks", "internal/transfer/fetch/a_test.go", imports("shoal/internal/node"), "imports go down"},
		{"suite in test", "ranks", "internal/node/a_test.go", imports("shoal/internal/api/apitest"), ""},
		{"suite in product", "ranks", "internal/node/a.go", imports("shoal/internal/storage/storagetest"), "is for tests"},
		{"testnet in product", "ranks", "internal/cli/a.go", imports("shoal/internal/testnet/relay"), "is for tests"},
		{"twin in product", "ranks", "internal/transfer/fetch/a.go", imports("shoal/internal/network/memnet"), "is for tests"},
		{"testnet in benchmark", "ranks", "bench/a.go", imports("shoal/internal/testnet/relay"), ""},
		{"unknown chapter", "ranks", "internal/novelty/a.go", imports("shoal"), "has no rank"},

		{"third party", "root", "a.go", imports("github.com/spf13/cobra"), "only the standard library"},
		{"own", "root", "a.go", imports("shoal/internal/content"), "only the standard library"},
		{"standard", "root", "a.go", imports("io/fs"), ""},
		{"elsewhere", "root", "internal/cli/a.go", imports("github.com/spf13/cobra"), ""},

		{"network", "purity", "internal/content/a.go", imports("net/http"), "does not import net/http"},
		{"files", "purity", "internal/transfer/picker/a.go", imports("os"), "does not import os"},
		{"locks", "purity", "internal/network/wire/a.go", imports("sync/atomic"), "does not import sync/atomic"},
		{"locks for cores", "purity", "internal/content/a.go", imports("sync"), ""},
		{"clock", "purity", "internal/content/a.go", imports("time") + "var now = time.Now", "does not use time.Now"},
		{"renamed clock", "purity", "internal/content/a.go", "package a\nimport clock \"time\"\nvar now = clock.Now", "does not use time.Now"},
		{"durations", "purity", "internal/network/wire/a.go", imports("time") + "const limit = time.Second", ""},
		{"shared generator", "purity", "internal/transfer/picker/a.go", imports("math/rand/v2") + "var n = rand.IntN(3)", "does not use math/rand/v2.IntN"},
		{"seeded generator", "purity", "internal/transfer/picker/a.go", imports("math/rand/v2") + "var r = rand.New(rand.NewPCG(1, 2))", ""},
		{"goroutine", "purity", "internal/transfer/picker/a.go", "package a\nfunc f() { go f() }", "starts no goroutine"},
		{"goroutine for cores", "purity", "internal/content/a.go", "package a\nfunc f() { go f() }", ""},
		{"impure package", "purity", "internal/storage/disk/a.go", imports("os"), ""},
		{"impure test", "purity", "internal/content/a_test.go", imports("os"), ""},

		{"long", "file length", "internal/cli/a.go", "package a" + strings.Repeat("\n", maxFileLines+1), "601 lines"},
		{"full", "file length", "internal/cli/a.go", "package a" + strings.Repeat("\n", maxFileLines), ""},
		{"long root", "file length", "a.go", "package a" + strings.Repeat("\n", maxRootFileLines+1), "401 lines"},

		{"long", "functions", "internal/cli/a.go", "package a\nfunc long() {\n\n" + long + "}", "long has 71 lines"},
		{"full", "functions", "internal/cli/a.go", "package a\nfunc full() {\n" + long + "}", ""},
		{"long test", "functions", "internal/cli/a_test.go", "package a\nfunc (t T) TestLong() {\n\n" + long + "}", "TestLong has 71 lines"},

		{"drawer", "names", "internal/cli/a.go", "package helpers", "name what it is about"},
		{"drawer's folder", "names", "internal/util/a.go", "package a", "name what it is about"},
		{"name", "names", "internal/cli/a.go", "package cli", ""},

		{"asleep", "sleep", "internal/cli/a_test.go", imports("time") + "func f() { time.Sleep(1) }", "wait for what you wait for"},
		{"asleep in a suite", "sleep", "internal/network/networktest/a.go", imports("time") + "func f() { time.Sleep(1) }", "wait for what you wait for"},
		{"product", "sleep", "internal/cli/a.go", imports("time") + "func f() { time.Sleep(1) }", ""},
	} {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			check(t, rules()[c.rule](parseSource(t, c.path, c.text)), c.want)
		})
	}
}

// TestDeadcodeKnowsTestSupport compares scripts/deadcode, which reports no function of a
// package for tests, with isTestSupport.
func TestDeadcodeKnowsTestSupport(t *testing.T) {
	script, err := os.ReadFile("scripts/deadcode")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^support='(.*)'$`).FindSubmatch(script)
	if found == nil {
		t.Fatal("scripts/deadcode has no line support='...'")
	}
	support, err := regexp.Compile(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range parseModule(t, os.DirFS(".")) {
		if got, want := support.MatchString(s.folder()), isTestSupport(s.folder()); got != want {
			t.Errorf("%s is for tests: scripts/deadcode says %t, isTestSupport %t", s.folder(), got, want)
		}
	}
}

func TestPackageCommentsCanBeMissing(t *testing.T) {
	for _, c := range []struct{ name, one, two, want string }{
		{"none", "package a\n", "package a\n", "no file of the package says what it is"},
		{"one of two", "package a\n", "// Package a is.\npackage a\n", ""},
		{"another's", "// Package b is.\npackage a\n", "package a\n", "no file of the package says what it is"},
		{"command", "// Command x runs.\npackage main\n", "package main\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			sources := parseModule(t, fstest.MapFS{
				"x/one.go":              {Data: []byte(c.one)},
				"x/two.go":              {Data: []byte(c.two)},
				"x/two_test.go":         {Data: []byte("package a\n")},
				"x/testdata/broken.go":  {Data: []byte("not Go")},
				".tools/hidden/none.go": {Data: []byte("not Go")},
			})
			check(t, packagesAreDocumented(sources), c.want)
		})
	}
}

// TestPackagesCanBeTooLarge shows packagesFit packages and types that break it, and
// similar ones that do not.
func TestPackagesCanBeTooLarge(t *testing.T) {
	lines := func(n int) string { return "package a" + strings.Repeat("\n", n) }
	methods := func(n int) string { return "package a" + strings.Repeat("\nfunc (x *T[A]) m() {}", n) }
	for _, c := range []struct {
		name, path, text string
		ceilings         map[string]int
		want             string // part of the one finding; "" for none
	}{
		{"full", "x/a.go", lines(maxPackageLines), nil, ""},
		{"too long", "x/a.go", lines(maxPackageLines + 1), nil, "x has 2501 lines, and 2500 are the most"},
		{"long tests", "x/a_test.go", lines(maxPackageLines + 1), nil, ""},
		{"commands", "internal/cli/a.go", lines(maxPackageLines + 1), nil, ""},
		{"ceiling", "x/a.go", lines(3000), map[string]int{"x": 3000}, ""},
		{"grown", "x/a.go", lines(3001), map[string]int{"x": 3000}, "x has 3001 lines, and may only shrink from 3000"},
		{"slack", "x/a.go", lines(3000 - slackLines), map[string]int{"x": 3000}, ""},
		{"shrunk", "x/a.go", lines(2999 - slackLines), map[string]int{"x": 3000}, "lower its ceiling from 3000"},
		{"fits now", "x/a.go", lines(maxPackageLines), map[string]int{"x": 2510}, "delete its ceiling"},
		{"gone", "x/a.go", lines(1), map[string]int{"y": 3000}, "y does not exist"},
		{"full type", "x/a.go", methods(maxTypeMethods), nil, ""},
		{"too many methods", "x/a.go", methods(maxTypeMethods + 1), nil, "x.T has 61 methods, and 60 are the most"},
		{"type with a ceiling", "x/a.go", methods(90), map[string]int{"x.T": 90}, ""},
		{"type has grown", "x/a.go", methods(91), map[string]int{"x.T": 90}, "may only shrink from 90"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sources := parseModule(t, fstest.MapFS{c.path: {Data: []byte(c.text)}})
			check(t, packagesFit(sources, c.ceilings), c.want)
		})
	}
}

// TestTwoFilesAreOnePackage adds up what lies in several files.
func TestTwoFilesAreOnePackage(t *testing.T) {
	half := []byte("package a" + strings.Repeat("\n", maxPackageLines/2+1))
	sources := parseModule(t, fstest.MapFS{"x/one.go": {Data: half}, "x/two.go": {Data: half}})
	check(t, packagesFit(sources, nil), "x has 2502 lines")
}

// check wants one finding that contains want, or none if want is empty.
func check(t *testing.T, found []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(found) > 0:
		t.Errorf("found %q, want nothing", found)
	case want != "" && (len(found) != 1 || !strings.Contains(found[0], want)):
		t.Errorf("found %q, want one finding with %q", found, want)
	}
}

// imports is the head of a file that imports the paths.
func imports(paths ...string) string {
	return "package a\nimport (\n\"" + strings.Join(paths, "\"\n\"") + "\"\n)\n"
}
