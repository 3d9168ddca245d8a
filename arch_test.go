package shoal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// chapters has the rank of every part of the module: code imports only what
// has a lower rank, and so the folders are the architecture. Chapters of one
// rank meet above themselves: storage, network and the rest in node. A new
// chapter is a new line here.
func chapters() map[string]int {
	return map[string]int{
		"":                    0, // the vocabulary
		"internal/content":    1, // what a file is
		"internal/record":     1, // what a node says to all
		"internal/jsonfile":   1, // one value in one file
		"internal/datadir":    1, // what lies where in a data folder
		"internal/batch":      1, // the items of one request, and how they ended
		"internal/sqlite":     1, // the one way to open, check, salvage and mend a SQLite file
		"internal/storage":    2, // keeping chunks here
		"internal/network":    2, // speaking to peers
		"internal/journal":    2, // what every node has said, on disk
		"internal/membership": 2, // who belongs and who is alive
		"internal/discovery":  2, // where nodes are
		"internal/catalog":    2, // what exists
		"internal/transfer":   2, // moving chunks
		"internal/redundancy": 2, // enough copies
		"internal/node":       3, // the only one that knows them all
		"internal/doctor":     3, // looks over and mends a data folder without a node
		"internal/api":        4, // shoal.Node over a socket
		"internal/client":     4, // a socket as a shoal.Node
		"internal/cli":        5, // a file for each command
		"internal/testnet":    6, // what tests and benchmarks run nodes with
		"cmd/shoal":           7,
		"bench":               7,
		"scripts/mutants":     7,
	}
}

// doors are the packages that other chapters of the same rank may import: the
// pure ones, and seams that hold nothing but what both sides must agree on.
func doors() []string {
	return []string{
		"internal/journal", // both membership and catalog are views over it
		"internal/network", // the interfaces of a host and its streams
		"internal/network/wire",
		"internal/network/ask", // one question, one answer: the same for all who ask
		"internal/transfer/picker",
		"internal/api/wire",
		"internal/api/socket", // where a node and its client meet
	}
}

// twins are the stand-ins for a network, a store and a disk that tests and the
// simulator use. Other packages for tests are told by their names; see isTestSupport.
func twins() []string {
	return []string{
		"internal/network/memnet",
		"internal/storage/memory",
		"internal/storage/vfs/crashfs",
	}
}

// purity says how pure a package is.
type purity struct {
	goroutines bool // may use all cores, as long as no goroutine outlives a call
}

// purePackages decide and compute, and do nothing: no I/O of their own, no
// clock, no randomness but what they are handed. So they can be tested to the
// last case, and the same inputs always give the same outputs.
func purePackages() map[string]purity {
	return map[string]purity{
		"internal/content":              {goroutines: true},
		"internal/record":               {},
		"internal/membership/roster":    {},
		"internal/membership/standing":  {},
		"internal/membership/ticket":    {},
		"internal/discovery/addrbook":   {},
		"internal/membership/liveness":  {},
		"internal/catalog/gossip":       {},
		"internal/catalog/merge":        {},
		"internal/redundancy/placement": {},
		"internal/redundancy/repair":    {},
		"internal/redundancy/trim":      {},
		"internal/redundancy/safety":    {},
		"internal/redundancy/scrub":     {},
		"internal/redundancy/reconcile": {},
		"internal/network/wire":         {},
		"internal/transfer/picker":      {},
	}
}

// The bounds of what one reader takes in at a time.
const (
	maxFileLines     = 600
	maxRootFileLines = 400 // the root must stay a vocabulary
	maxFuncLines     = 70
)

// The bounds of a package and of a type, test files aside. They do not apply to
// internal/cli, which has a file for each command.
const (
	maxPackageLines = 2500
	maxTypeMethods  = 60
)

// The slack is how much smaller than its ceiling a package or type may be before the
// ceiling must be lowered.
const (
	slackLines   = 50
	slackMethods = 3
)

// ceilings lists the packages (lines) and types (methods) beyond the bounds, with
// their present size. A ceiling is only ever lowered, and no line is added.
func ceilings() map[string]int {
	return map[string]int{
		"internal/storage/disk":                 3934,
		"internal/storage/disk.Store":           111,
		"internal/transfer/fetch":               2703,
		"internal/membership/liveness.Detector": 78,
	}
}

// rules is what must hold of every file, and what each rule is called.
func rules() map[string]func(source) []string {
	return map[string]func(source) []string{
		"ranks":       importsGoDown,
		"root":        rootImportsOnlyTheStandardLibrary,
		"purity":      pureStaysPure,
		"file length": fileFits,
		"functions":   functionsFit,
		"names":       packageHasAName,
		"sleep":       testsDoNotSleep,
	}
}

func TestArchitecture(t *testing.T) {
	sources := parseModule(t, os.DirFS("."))
	if len(sources) < 10 {
		t.Fatalf("found only %d Go files: is this the module's root?", len(sources))
	}
	for name, rule := range rules() {
		t.Run(name, func(t *testing.T) {
			for _, s := range sources {
				for _, finding := range rule(s) {
					t.Error(finding)
				}
			}
		})
	}
	t.Run("packages fit", func(t *testing.T) {
		for _, finding := range packagesFit(sources, ceilings()) {
			t.Error(finding)
		}
	})
	t.Run("package comments", func(t *testing.T) {
		for _, finding := range packagesAreDocumented(sources) {
			t.Error(finding)
		}
	})
}

// source is a Go file of the module.
type source struct {
	path  string // from the module's root, with forward slashes
	lines int
	set   *token.FileSet
	file  *ast.File
}

// folder is the file's package folder, "" for the root.
func (s source) folder() string { return strings.TrimPrefix(path.Dir(s.path), ".") }

// isTest reports whether the file never becomes part of the product: a test,
// or a package that only tests use.
func (s source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || isTestSupport(s.folder())
}

// parseModule reads every Go file below root but testdata and hidden folders.
func parseModule(t *testing.T, root fs.FS) []source {
	t.Helper()
	var sources []source
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name() == "testdata" || entry.Name()[0] == '.'):
			return fs.SkipDir
		case entry.IsDir(), path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		sources = append(sources, parseSource(t, name, string(text)))
		return nil
	})
	if err != nil {
		t.Fatalf("read the module: %v", err)
	}
	return sources
}

func parseSource(t *testing.T, name, text string) source {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	return source{path: name, lines: strings.Count(text, "\n"), set: set, file: file}
}
