package cli

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"shoal"
)

// What is wrong with a line is told in one sentence, in words of this program.
func TestWrongLines(t *testing.T) {
	s := newShell(t).withNode()
	s.write("f", "f")
	s.write("data/identity.pem", "key")
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"add EMPTY":              "argument 1 is empty",
		"add f EMPTY":            "argument 2 is empty",
		"rm EMPTY":               "argument 1 is empty",
		"nodes drain EMPTY":      "argument 1 is empty",
		"mv f":                   "NAME is missing",
		"mv f LONG":              "the name has 1025 bytes, and 1024 are the most",
		"undelete f --as LONG":   "the name has 1025 bytes, and 1024 are the most",
		"nodess":                 "unknown command \"nodess\" for \"shoal\": malformed request\nhint: did you mean nodes?\n",
		"help frobnicate":        "unknown command \"frobnicate\"",
		"help nodes frobnicate":  "shoal nodes has no command \"frobnicate\"",
		"invite --uses many":     "invalid argument \"many\" for \"--uses\" flag\n",
		"ls --json=maybe":        "invalid argument \"maybe\" for \"--json\" flag\n",
		"add data":               "it is a node's own, with its key",
		"add data/identity.pem":  "it is a node's own, with its key",
		"add pipe":               "it is a named pipe, and only files and folders are added",
		"add f --copies 33":      "--copies 33: from 1 to 32 can be kept",
		"add f --copies 0":       "--copies 0: from 1 to 32 can be kept",
		"add f --name a/../b":    "not a clean relative path",
		"add f --name /etc/f":    "not a clean relative path",
		"add f data --name both": "--name is for one path",
	} {
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.NewReplacer("EMPTY", "", "LONG", strings.Repeat("x", shoal.MaxNameLength+1)).Replace(args[i])
		}
		if a := s.run(args...).want(t, 2).says(t, want); strings.Count(a.stderr, "\n") > 2 {
			t.Errorf("%s: more than a sentence and a hint: %s", line, a.stderr)
		}
	}
	s.run("status", "--data", "f").want(t, 6).says(t, "no node is running\nhint: start one: shoal up\n")
	if err := os.Mkdir("void", 0o700); err != nil {
		t.Fatal(err)
	}
	s.run("add", "void").want(t, 0).says(t, "nothing was added: no file is there")
	s.run("ls", "nope").want(t, 0).says(t, "no name starts with nope")
	s.run("add", "-q", "f").want(t, 0)
	s.run("help", "nodes").want(t, 0)
	if got := s.names(); got != "f\n" {
		t.Errorf("the node has %q", got)
	}
}

// When others have all they can and are too few, the wait ends, and it is said why.
func TestDrainWaitEndsWhereNobodyCanTakeOver(t *testing.T) {
	s := newShell(t).withNode()
	s.fake.Judge(shoal.Safety{State: "too few nodes", Text: "Add a node: there is one."})
	s.run("nodes", "drain", "--wait", "attic").want(t, shoal.BelowCopies.ExitCode()).
		says(t, "others have taken over what they can, and attic is still needed").
		says(t, "hint: Add a node: there is one. Or `shoal nodes remove --force attic`")
	if a := s.run("nodes").want(t, 0); !strings.Contains(a.stdout, "draining, needed") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
}
