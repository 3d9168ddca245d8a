package shoal_test

import (
	"fmt"
	"go/ast"
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "shoal"

// importsGoDown holds every import of our own to the ranks.
func importsGoDown(s source) []string {
	from, rank, ok := chapterOf(s.folder())
	if !ok {
		return s.findings(s.file.Name, "%s has no rank: name its chapter in arch_test.go", s.folder())
	}
	var found []string
	for spec, folder := range s.ownImports() {
		to, toRank, ok := chapterOf(folder)
		switch {
		case !ok || from == to:
		case isTestSupport(folder):
			if !s.isTest() && from != "bench" {
				found = append(found, s.findings(spec, "%s is for tests, and this is the product", folder)...)
			}
		case toRank < rank, toRank == rank && (s.isTest() || slices.Contains(doors(), folder)):
		default:
			found = append(found, s.findings(spec, "%s (rank %d) may not import %s (rank %d): imports go down, and chapters of one rank meet in a higher one", from, rank, folder, toRank)...)
		}
	}
	return found
}

func rootImportsOnlyTheStandardLibrary(s source) []string {
	if s.folder() != "" || s.isTest() {
		return nil
	}
	var found []string
	for _, spec := range s.file.Imports {
		first, _, _ := strings.Cut(importPath(spec), "/")
		if first == module || strings.Contains(first, ".") {
			found = append(found, s.findings(spec, "the root imports only the standard library, not %s", importPath(spec))...)
		}
	}
	return found
}

// pureStaysPure finds what makes a package more than a function of its inputs.
func pureStaysPure(s source) []string {
	pure, ok := purePackages()[s.folder()]
	if !ok || s.isTest() {
		return nil
	}
	var found []string
	for _, spec := range s.file.Imports {
		if impure(importPath(spec), pure) {
			found = append(found, s.findings(spec, "a pure package does not import %s", importPath(spec))...)
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if !pure.goroutines {
				found = append(found, s.findings(n, "this pure package starts no goroutine")...)
			}
		case *ast.SelectorExpr:
			if name := s.selected(n); ambient(name) {
				found = append(found, s.findings(n, "a pure package does not use %s: take it as an argument", name)...)
			}
		}
		return true
	})
	return found
}

// impure reports packages that reach outside the process or, where goroutines
// are not allowed, between them.
func impure(imported string, pure purity) bool {
	first, _, _ := strings.Cut(imported, "/")
	switch first {
	case "net", "os", "syscall", "database", "log", "plugin", "testing":
		return true
	case "sync":
		return !pure.goroutines
	}
	return imported == "golang.org/x/sys/unix" || imported == "crypto/rand"
}

// ambient reports functions that answer differently each time: the clock and
// the generator everyone shares. Generators made from a seed are fine.
func ambient(name string) bool {
	if pkg, function, _ := strings.Cut(name, "."); pkg == "math/rand/v2" {
		return !strings.HasPrefix(function, "New") && !slices.Contains([]string{"Rand", "Source", "PCG", "ChaCha8", "Zipf"}, function)
	}
	clock := []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker"}
	return slices.Contains(clock, name)
}

func fileFits(s source) []string {
	limit := maxFileLines
	if s.folder() == "" && !s.isTest() {
		limit = maxRootFileLines
	}
	if s.lines <= limit {
		return nil
	}
	return s.findings(s.file.Name, "%d lines, and %d are the most: which noun wants a file of its own?", s.lines, limit)
}

func functionsFit(s source) []string {
	var found []string
	for _, decl := range s.file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		lines := s.set.Position(function.End()).Line - s.set.Position(function.Pos()).Line - 1
		if lines > maxFuncLines {
			found = append(found, s.findings(function, "%s has %d lines, and %d are the most", function.Name.Name, lines, maxFuncLines)...)
		}
	}
	return found
}

// packageHasAName refuses names that say nothing, and so collect everything.
func packageHasAName(s source) []string {
	for _, name := range []string{s.file.Name.Name, path.Base(s.folder())} {
		switch strings.TrimSuffix(name, "_test") {
		case "util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib":
			return s.findings(s.file.Name, "a package called %s is a drawer: name what it is about", name)
		}
	}
	return nil
}

func testsDoNotSleep(s source) []string {
	if !s.isTest() {
		return nil
	}
	var found []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok && s.selected(selector) == "time.Sleep" {
			found = append(found, s.findings(n, "wait for what you wait for, not for time: synctest, a channel, a fake")...)
		}
		return true
	})
	return found
}

// packagesAreDocumented finds packages in which no file says what they are.
func packagesAreDocumented(sources []source) []string {
	documented := map[string]bool{}
	var order []source
	for _, s := range sources {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		if _, seen := documented[s.folder()]; !seen {
			order = append(order, s)
		}
		opening := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			opening = "Command " + path.Base(s.folder()) + " "
		}
		documented[s.folder()] = documented[s.folder()] || strings.HasPrefix(s.file.Doc.Text(), opening)
	}
	var found []string
	for _, s := range order {
		if !documented[s.folder()] {
			found = append(found, s.findings(s.file.Name, "no file of the package says what it is: // Package %s ...", s.file.Name.Name)...)
		}
	}
	return found
}

// packagesFit compares packages and types with their bounds and ceilings.
func packagesFit(sources []source, ceilings map[string]int) []string {
	lines, methods := make(map[string]int), make(map[string]int)
	for _, s := range sources {
		if strings.HasSuffix(s.path, "_test.go") || s.folder() == "internal/cli" {
			continue
		}
		lines[s.folder()] += s.lines
		for _, decl := range s.file.Decls {
			if name := receiver(decl); name != "" {
				methods[s.folder()+"."+name]++
			}
		}
	}
	found := slices.Concat(
		fit(lines, ceilings, "lines", maxPackageLines, slackLines),
		fit(methods, ceilings, "methods", maxTypeMethods, slackMethods))
	for name := range ceilings {
		if lines[name]+methods[name] == 0 {
			found = append(found, fmt.Sprintf("%s does not exist: delete its ceiling", name))
		}
	}
	return found
}

// fit compares sizes with the ceilings of their names, or with the limit.
func fit(sizes, ceilings map[string]int, unit string, limit, slack int) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		size := sizes[name]
		ceiling, listed := ceilings[name]
		switch {
		case !listed && size > limit:
			found = append(found, fmt.Sprintf("%s has %d %s, and %d are the most: split it by what it is about", name, size, unit, limit))
		case listed && size <= limit:
			found = append(found, fmt.Sprintf("%s has %d %s, which fits: delete its ceiling", name, size, unit))
		case listed && size > ceiling:
			found = append(found, fmt.Sprintf("%s has %d %s, and may only shrink from %d", name, size, unit, ceiling))
		case listed && size < ceiling-slack:
			found = append(found, fmt.Sprintf("%s has only %d %s: lower its ceiling from %d", name, size, unit, ceiling))
		}
	}
	return found
}

// receiver returns the name of the type that decl is a method of, or "".
func receiver(decl ast.Decl) string {
	function, ok := decl.(*ast.FuncDecl)
	if !ok || function.Recv == nil {
		return ""
	}
	name := ""
	ast.Inspect(function.Recv.List[0].Type, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok && name == "" {
			name = ident.Name // the first; those after it are type parameters
		}
		return name == ""
	})
	return name
}

// chapterOf is the chapter that a folder belongs to, and its rank.
func chapterOf(folder string) (name string, rank int, ok bool) {
	for name := folder; name != "" && name != "."; name = path.Dir(name) {
		if rank, ok := chapters()[name]; ok {
			return name, rank, true
		}
	}
	return "", 0, folder == ""
}

// isTestSupport reports folders whose code only tests and benchmarks use.
func isTestSupport(folder string) bool {
	return strings.HasSuffix(folder, "test") || strings.HasPrefix(folder+"/", "internal/testnet/") || slices.Contains(twins(), folder)
}

// ownImports gives the file's imports from this module, as folders.
func (s source) ownImports() iter.Seq2[*ast.ImportSpec, string] {
	return func(yield func(*ast.ImportSpec, string) bool) {
		for _, spec := range s.file.Imports {
			folder, ok := strings.CutPrefix(importPath(spec)+"/", module+"/")
			if ok && !yield(spec, strings.TrimSuffix(folder, "/")) {
				return
			}
		}
	}
}

// selected is what a selector on an imported package names, as the package's
// path, a dot and the name; "" if it selects from anything else.
func (s source) selected(n *ast.SelectorExpr) string {
	local, ok := n.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range s.file.Imports {
		if localName(spec) == local.Name {
			return importPath(spec) + "." + n.Sel.Name
		}
	}
	return ""
}

// localName is what a file calls a package that it imports.
func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	name := path.Base(importPath(spec))
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(importPath(spec)))
	}
	return name
}

func importPath(spec *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return unquoted
}

// findings is one finding at the node's place, as a list.
func (s source) findings(at ast.Node, format string, args ...any) []string {
	return []string{fmt.Sprintf("%s: %s", s.set.Position(at.Pos()), fmt.Sprintf(format, args...))}
}
