package shoal_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"shoal"
)

// pages gives every page of documentation: its path from the root, and its
// text.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found[name] = string(text)
		}
	}
	return found
}

func TestPagesAreTidy(t *testing.T) {
	for name, text := range pages(t) {
		if !strings.HasPrefix(text, "# ") {
			t.Errorf("%s: begins without a title", name)
		}
		if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s: ends with no line end, or with an empty line", name)
		}
		for i, line := range strings.Split(text, "\n") {
			if strings.TrimRight(line, " \t") != line || strings.Contains(line, "\t") {
				t.Errorf("%s:%d: a tab, or space at the end", name, i+1)
			}
		}
		if strings.Count("\n"+text, "\n```")%2 != 0 {
			t.Errorf("%s: a ``` is not closed", name)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for name, text := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(path.Join(path.Dir(name), match[1])); err != nil {
				t.Errorf("%s: link to %s: %v", name, match[1], err)
			}
		}
	}
}

func TestEveryDecisionIsIndexed(t *testing.T) {
	all := pages(t)
	index := all["docs/adr/README.md"]
	for name := range all {
		if path.Dir(name) == "docs/adr" && path.Base(name) != "README.md" && !strings.Contains(index, "("+path.Base(name)+")") {
			t.Errorf("docs/adr/README.md does not list %s", path.Base(name))
		}
	}
}

// TestExitCodesInREADME holds the table people write scripts by to the codes.
func TestExitCodesInREADME(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| (`\\w+`)? *\\|")
	var got []string
	for _, match := range row.FindAllStringSubmatch(pages(t)["README.md"], -1) {
		got = append(got, match[1]+" "+match[2])
	}
	want := []string{"0 "}
	for _, code := range shoal.Codes() {
		want = append(want, fmt.Sprintf("%d `%s`", code.ExitCode(), code.Word()))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the README's exit codes are\n%q, want\n%q", got, want)
	}
}
