package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lukechampine.com/blake3"

	"shoal"
)

func idOf(text string) string { return shoal.FileID(blake3.Sum256([]byte(text))).String() }

// names is what the node of a shell has.
func (s *shell) names() string {
	s.t.Helper()
	return s.run("ls").want(s.t, 0).stdout
}

func TestAddOneFile(t *testing.T) {
	s := newShell(t).withNode()
	s.write("sub/notes.txt", "hello")
	a := s.run("add", "sub/notes.txt").want(t, 0).says(t, "added 1 file, 5 B")
	lines := strings.Split(a.stdout, "\n")
	if len(lines) != 3 || lines[0] != idOf("hello")+"  notes.txt" || !strings.HasPrefix(lines[1], "shoal:"+idOf("hello")+"?name=notes.txt&size=5&at=") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
	if a := s.run("add", "-q", "sub/notes.txt").want(t, 0); a.stdout != idOf("hello")+"\n" || a.stderr != "" {
		t.Errorf("add -q: stdout %q, stderr %q", a.stdout, a.stderr)
	}
	a = s.run("add", "--json", "sub/notes.txt").want(t, 0)
	if !strings.Contains(a.stdout, `{"type":"result","id":"`+idOf("hello")+`","name":"notes.txt","size":5,`) || !strings.Contains(a.stdout, `"link":"shoal:`) {
		t.Errorf("add --json: %s", a.stdout)
	}
}

// A folder keeps its name, and what is no file is skipped out loud.
func TestAddFolder(t *testing.T) {
	s := newShell(t).withNode()
	s.write("trip/a", "a")
	s.write("trip/deep/.hidden", "b")
	s.write("else/c", "c")
	for _, err := range []error{
		os.Symlink("a", "trip/shortcut"),
		os.Symlink("../else", "trip/away"),
		syscall.Mkfifo("trip/pipe", 0o600),
		os.Symlink("trip/deep", "typed"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a := s.run("add", "trip/", "typed").want(t, 0)
	a.says(t, "trip/shortcut: it is a symbolic link").says(t, "trip/away: it is a symbolic link").says(t, "trip/pipe: it is a named pipe")
	if got, want := s.names(), "trip/a\ntrip/deep/.hidden\ntyped/.hidden\n"; got != want {
		t.Errorf("the node has\n%s, want\n%s", got, want)
	}
	if strings.Contains(a.stdout, "shoal:") {
		t.Errorf("several files, and yet a link: %s", a.stdout)
	}
}

// The data folder does not swallow itself, nor another node's, whose key would be
// given away.
func TestAddSkipsOwnData(t *testing.T) {
	s := newShell(t).withNode()
	s.write("x", "x")
	s.write("data/store/blob", "of the node")
	for _, name := range []string{"identity.pem", "shoal.json", "store/blob"} {
		s.write("other/"+name, "of another node")
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s.run("add", ".").want(t, 0).says(t, "data: it is the node's own data folder").says(t, "other: it is a node's data folder, with its key")
	if got, want := s.names(), filepath.Base(folder)+"/x\n"; got != want {
		t.Errorf("the node has %q, want %q", got, want)
	}
}

// A link in the path of the data folder does not hide that it is that.
func TestAddSkipsOwnDataBehindALink(t *testing.T) {
	s := newShell(t).withNode()
	s.write("x", "x")
	s.write("data/store/blob", "of the node")
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	s.data = filepath.Join(link, "data")
	s.run("add", ".").want(t, 0).says(t, "data: it is the node's own data folder")
	for _, path := range []string{"data/store/blob", "data/store", filepath.Join(s.data, "store")} {
		s.run("add", path).want(t, shoal.Usage.ExitCode()).says(t, "it is a node's own, with its key")
	}
	if got, want := s.names(), filepath.Base(folder)+"/x\n"; got != want {
		t.Errorf("the node has %q, want %q", got, want)
	}
}

// What fails does not stop the rest; what fails alone fails as itself.
func TestAddPartly(t *testing.T) {
	s := newShell(t).withNode()
	s.write("good", "good")
	s.write("bad\nname", "bad")
	a := s.run("add", "gone", "bad\nname", "good").want(t, shoal.Partial.ExitCode())
	a.says(t, "gone: no such file").says(t, "is not allowed").says(t, "2 of 3 files failed")
	if strings.Contains(a.stderr, "bad\nname") || s.names() != "good\n" {
		t.Errorf("stderr:\n%s\nthe node has %s", a.stderr, s.names())
	}
	s.run("add", "gone").want(t, shoal.NotFound.ExitCode())
	s.run("add", "gone", "lost").want(t, shoal.NotFound.ExitCode()).says(t, "2 of 2 files failed")
	if a := s.run("add", "bad\nname").want(t, shoal.Usage.ExitCode()); strings.Count(a.stderr, "shoal:") != 1 {
		t.Errorf("a failure alone is told more than once:\n%s", a.stderr)
	}
}

// More files than one request may name go in several.
func TestAddManyFiles(t *testing.T) {
	s := newShell(t).withNode()
	const files = shoal.MaxItems + 3
	for i := range files {
		s.write(fmt.Sprintf("many/%05d", i), "x")
	}
	a := s.run("add", "many").want(t, 0).says(t, "added 4,099 files")
	if got := strings.Count(a.stdout, "\n"); got != files {
		t.Errorf("%d lines, want %d", got, files)
	}
	if got := strings.Count(s.names(), "\n"); got != files {
		t.Errorf("the node has %d files, want %d", got, files)
	}
}

func TestAddRefusesChunkSizes(t *testing.T) {
	s := newShell(t).withNode()
	s.write("f", "f")
	for _, size := range []string{"1MB", "3000", "512", "64MiB", "0", "-1", "1XB", "1.5M", "KiB", "99999999T"} {
		s.run("add", "--chunk-size="+size, "f").want(t, shoal.Usage.ExitCode())
	}
	s.run("add", "--chunk-size", "1MB", "f").says(t, "any power of two from 1 KiB to 32 MiB")
	s.run("add", "--chunk-size", "32MiB", "f").want(t, 0)
}

// That there are fewer nodes than copies wanted is told at once, and no failure.
func TestAddMoreCopiesThanNodes(t *testing.T) {
	s := newShell(t).withNode()
	s.write("f", "hello")
	const told = "9 copies are wanted, and there are nodes for 2: the others are made when more nodes join"
	s.run("add", "f", "--copies", "9").want(t, 0).says(t, told)
	if a := s.run("add", "f", "--copies", "9", "--json").want(t, 0); !strings.Contains(a.stdout, told) || !strings.Contains(a.stdout, `"copies":9`) || !strings.Contains(a.stdout, `"copies_possible":2`) {
		t.Errorf("add --json: %s", a.stdout)
	}
	for _, line := range [][]string{{"add", "f", "--copies", "2"}, {"add", "f"}, {"add", "f", "--copies", "2", "--json"}} {
		if a := s.run(line...).want(t, 0); strings.Contains(a.stderr+a.stdout, "wanted, and") || strings.Contains(a.stdout, "copies_possible") {
			t.Errorf("%v: stdout %q, stderr %q", line, a.stdout, a.stderr)
		}
	}
}

// A path that is not text is told in one sentence, and the rest goes on.
func TestAddNotUTF8(t *testing.T) {
	s := newShell(t).withNode()
	s.write("in/caf\xe9", "a")
	s.write("in/dir\xe9/x", "b")
	s.write("in/fine", "c")
	s.run("add", "in").want(t, 4).says(t, "in/caf?: its path is not UTF-8: malformed request\nhint: rename it; names mean the same on all machines\n").
		says(t, "in/dir?: its path is not UTF-8").says(t, "2 of 3 files failed")
	if got := s.names(); got != "in/fine\n" {
		t.Errorf("the node has %q", got)
	}
	s.run("add", "in/caf\xe9").want(t, 2).says(t, "its path is not UTF-8")
}
