package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/api/apitest"
)

// has fails the test unless the file has the text.
func (s *shell) has(path, text string) {
	s.t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		s.t.Errorf("%s: %q, %v; want %q", path, got, err, text)
	}
}

func TestGet(t *testing.T) {
	s := newShell(t).withNode()
	entry := s.fake.Put("deep/one.txt", []byte("one"))
	s.fake.Put("deep/two.txt", []byte("two"))
	if a := s.run("get", "deep/one.txt").want(t, 0).says(t, "got 3 B in 1.0 s (3 B/s): 3 B from pi4"); a.stdout != "one.txt\n" {
		t.Errorf("stdout %q", a.stdout)
	}
	s.has("one.txt", "one")
	a := s.run("get", "deep/one.txt").want(t, shoal.Exists.ExitCode()).says(t, "--force")
	if strings.Count(a.stderr, "shoal:") != 1 {
		t.Errorf("told more than once:\n%s", a.stderr)
	}
	s.run("get", "deep/one.txt", "--force").want(t, 0)
	s.run("get", entry.ID.String()[:8], "-o", "new/name").want(t, 0)
	s.has("new/name", "one")
	s.run("get", "deep/", "-o", "all").want(t, 0).says(t, "got 2 files, 6 B")
	s.has("all/deep/two.txt", "two")
	s.run("get", "deep/one.txt", "deep/two.txt", "-o", "both").want(t, 0)
	s.has("both/two.txt", "two")
	s.run("get", "deep/one.txt", "deep/two.txt", "-o", "new/name").want(t, shoal.Usage.ExitCode()).says(t, "is no folder")
	s.run("get", "deep/two.txt", "nothing", "-o", "some/").want(t, shoal.Partial.ExitCode()).says(t, `no file "nothing"`)
	s.has("some/two.txt", "two")
}

func TestGetFromStdin(t *testing.T) {
	s := newShell(t).withNode()
	var refs strings.Builder
	const files = shoal.MaxItems + 2
	for i := range files {
		name := fmt.Sprintf("f%d", i)
		s.fake.Put(name, []byte(name))
		refs.WriteString("  " + name + "\n\n")
	}
	s.stdin = refs.String()
	a := s.run("get", "-", "-o", "out").want(t, 0)
	if got := strings.Count(a.stdout, "\n"); got != files {
		t.Errorf("%d lines, want %d", got, files)
	}
	s.has("out/f4097", "f4097")
	s.stdin = "\n \n"
	s.run("get", "-").want(t, shoal.Usage.ExitCode())
	s.stdin = strings.Repeat("x", shoal.MaxLinkLength+1)
	s.run("get", "-").want(t, shoal.Usage.ExitCode())
}

func TestGetToStdout(t *testing.T) {
	s := newShell(t).withNode()
	data := strings.Repeat("0123456789", 100_000)
	entry := s.fake.Put("f", []byte(data))
	if a := s.run("get", "f", "-o", "-").want(t, 0); a.stdout != data {
		t.Errorf("%d bytes, want %d", len(a.stdout), len(data))
	}
	a := s.run("get", "f", "-o", "-", "--json").want(t, 0).says(t, `"type":"result"`)
	if a.stdout != data {
		t.Error("--json mixes with the file")
	}
	s.run("get", "f", "f", "-o", "-").want(t, shoal.Usage.ExitCode())
	s.run("get", "d/", "-o", "-").want(t, shoal.Usage.ExitCode())
	s.fake.Rot(entry.ID, 500)
	if a := s.run("get", "f", "-o", "-").want(t, shoal.Integrity.ExitCode()); a.stdout != data[:500*apitest.ChunkSize] {
		t.Errorf("%d bytes went out, want those before the rot", len(a.stdout))
	}
}

// Without a running node, get starts one for its own length.
func TestGetAlone(t *testing.T) {
	s := newShell(t)
	node := &own{Node: apitest.New()}
	node.Put("f", []byte("text"))
	var config NodeConfig
	s.open = func(_ context.Context, c NodeConfig) (Node, error) {
		config = c
		return node, nil
	}
	s.run("get", "f").want(t, 0)
	s.has("f", "text")
	if !node.closed || config.Data != s.data || len(config.Listen) != 1 || config.Listen[0] != ":0" || config.Log == nil {
		t.Errorf("closed: %v, config %+v", node.closed, config)
	}
	s.open = func(context.Context, NodeConfig) (Node, error) { return nil, fmt.Errorf("locked: %w", shoal.Exists) }
	s.run("get", "f").want(t, shoal.Exists.ExitCode()).says(t, "hint: a process that does not answer holds "+s.data)
}

// Ctrl-C and a deadline both keep what is here, and say how to go on.
func TestGetIsStopped(t *testing.T) {
	const hint = "the same command goes on where this one stopped"
	s := newShell(t).withNode()
	begun, ended := s.fake.Stall()
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-begun
		interrupt()
	}()
	a := s.runIn(ctx, "get", "f").want(t, 130).says(t, hint)
	if a.stderr != "shoal: interrupted\nhint: what is here is kept: "+hint+"\n" {
		t.Errorf("stderr:\n%s", a.stderr)
	}
	wantStopped(t, <-ended)
	go func() { <-begun }()
	s.run("get", "f", "--timeout", "50ms").want(t, shoal.Network.ExitCode()).says(t, "not done within 50ms").says(t, hint)
	wantStopped(t, <-ended)
	s.run("get", "f", "--timeout", "-1s").want(t, shoal.Usage.ExitCode())
	s.run("get", "f", "--timeout", "soon").want(t, shoal.Usage.ExitCode())
}

// wantStopped fails the test unless the node's work was cancelled.
func wantStopped(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the node's work ended with %v", err)
	}
}

func TestAccount(t *testing.T) {
	sources := []shoal.Source{
		{Node: "n1", Name: "a", Bytes: 1e6},
		{Node: "n2", Name: "b", Bytes: 5e6},
		{Node: "12D3KooWabcdefgh", Bytes: 2e6},
		{Node: "n4", Name: "d", Bytes: 3e6},
		{Node: "n5", Name: "e", Bytes: 4e5},
		{Node: "n6", Name: "f"},
	}
	got := account(shoal.Stats{Bytes: 11.4e6, Reused: 1e9, Elapsed: 2e9, Sources: sources})
	if want := " in 2.0 s (5.7 MB/s): 5.0 MB from b, 3.0 MB from d, 2.0 MB from abcdefgh, 1.0 MB from a, 1 more node, 1.0 GB was here"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := account(shoal.Stats{Reused: 5, Elapsed: 1e6}), " in 1 ms: 5 B was here"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Nobody reads the rest: that is the end, and no failure.
func TestReaderGoes(t *testing.T) {
	s := newShell(t).withNode()
	s.fake.Put("f", make([]byte, 1<<20))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	for _, args := range [][]string{{"cat", "f"}, {"ls"}, {"get", "f", "-o", "-"}, {"status", "--json"}} {
		var stderr bytes.Buffer
		if exit := Run(t.Context(), s.env(w, &stderr), args); exit != 0 || stderr.Len() > 0 {
			t.Errorf("%v: exit code %d, stderr %q; want neither", args, exit, &stderr)
		}
	}
}
