package cli

import (
	"regexp"
	"strings"
	"testing"

	"shoal"
)

// transcript runs command lines and writes down what a person would see.
func transcript(s *shell, lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("$ shoal " + line + "\n")
		a := s.run(strings.Fields(line)...)
		b.WriteString(a.stdout)
		for text := range strings.Lines(a.stderr) {
			b.WriteString("! " + text)
		}
		if a.exit != 0 {
			b.WriteString("exit " + shoal.Code(a.exit).Word() + "\n")
		}
		b.WriteString("\n")
	}
	return strings.ReplaceAll(b.String(), s.data, "DATA")
}

// What a person sees.
func TestTranscripts(t *testing.T) {
	folder := goldens(t)
	for name, lines := range map[string][]string{
		"look":   {"status", "ls", "ls photos/", "ls -l", "info big.iso", "peers", "link big.iso"},
		"errors": {"info nothing", "cat", "ls one two", "frobnicate", "get --no-such-flag", "--log-level loud ls", "completion tcsh", "info 12345678 --json", "rm big.iso nothing nobody", "verify nothing"},
		"remove": {"rm big.iso", "rm -q photos/a.jpg", "ls", "ls --trash", "ls --trash -l", "undelete photos/a.jpg", "rm photos/", "undelete photos/ big.iso", "ls", "undelete big.iso"},
		"find":   {"find", "find photos A", "find --type iso", "find --size +1KB --size -1GB -l", "find nothing", "find --since 36h", "find --since 2026-11-20", "find -n 1", "find --size 5", "find --since soon", "find --limit -1"},
		"rename": {"mv big.iso isos/", "mv photos/ pictures/", "ls", "mv pictures/a.jpg isos/big.iso", "mv -f pictures/a.jpg isos/big.iso", "ls", "mv nothing else", "mv a b c", "mv isos/big.iso pictures/ all"},
		"invite": {"invite -q", "invite -q --qr", "invite --qr --json"},
		"verify": {"verify", "verify big.iso"},
		"json":   {"status --json", "ls --json", "info photos/a.jpg --json", "peers --json", "link big.iso --json", "verify --json", "rm big.iso nothing --json", "get --json"},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, folder, name, transcript(furnished(t), lines...))
		})
	}
	t.Run("rotten", func(t *testing.T) {
		s := furnished(t)
		info, err := s.fake.Info(t.Context(), "big.iso")
		if err != nil {
			t.Fatal(err)
		}
		s.fake.Rot(info.ID, 7)
		golden(t, folder, "rotten", transcript(s, "verify", "verify --json", "status"))
	})
	t.Run("missing", func(t *testing.T) {
		s := furnished(t)
		s.fake.Lose(shoal.Lack{Name: "photos/b.jpg", Chunks: 2, Of: 3}, shoal.Lack{File: shoal.FileID{0xab}, Chunks: 1, Of: 1})
		golden(t, folder, "missing", transcript(s, "verify", "verify --json"))
	})
	t.Run("trouble", func(t *testing.T) {
		s := newShell(t).withNode()
		s.fake.Worry("the disk is nearly full")
		golden(t, folder, "trouble", transcript(s, "status", "ls", "peers", "verify"))
	})
	t.Run("no node", func(t *testing.T) {
		golden(t, folder, "no_node", transcript(newShell(t), "status", "ls", "cat x", "rm x", "ls --json"))
	})
}

// Every page of the help, for its words are an interface too.
func TestHelp(t *testing.T) {
	folder := goldens(t)
	s := newShell(t)
	lines := []string{"--help"}
	for _, c := range newRoot(newApp(s.env(nil, nil))).Commands() {
		if c.Example == "" || c.Long == "" || c.GroupID == "" {
			t.Errorf("%s lacks an example, a text or a group", c.Name())
		}
		lines = append(lines, c.Name()+" --help")
	}
	golden(t, folder, "help", transcript(s, lines...))
}

func TestVersion(t *testing.T) {
	s := newShell(t)
	if a := s.run("version").want(t, 0); !regexp.MustCompile(`^shoal \S+( \(\w+(\+changes)?\))? go1\.\S+ linux/\w+\n$`).MatchString(a.stdout) {
		t.Errorf("version says %q", a.stdout)
	}
	if a := s.run("version", "--json").want(t, 0); !strings.HasPrefix(a.stdout, `{"type":"result","version":"`) {
		t.Errorf("version --json says %q", a.stdout)
	}
}

func TestCompletion(t *testing.T) {
	s := furnished(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if a := s.run("completion", shell).want(t, 0); !strings.Contains(a.stdout, "__complete") {
			t.Errorf("the script for %s completes nothing", shell)
		}
	}
	if a := s.run("__complete", "get", "photos/").want(t, 0); a.stdout != "photos/a.jpg\t3.1 kB\nphotos/b ü.jpg\t700 B\n:4\n" {
		t.Errorf("get photos/ is completed by %q", a.stdout)
	}
	alone := newShell(t)
	if a := alone.run("__complete", "get", "").want(t, 0); a.stdout != ":4\n" {
		t.Errorf("without a node it is completed by %q", a.stdout)
	}
}
