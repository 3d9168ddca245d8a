package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"shoal"
)

// endless is a stdin from which something comes once, and that does not end while
// the test runs. Its second read presses Ctrl-C.
type endless struct {
	*testing.T
	reads  int
	cancel func()
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads == 1 {
		return copy(p, "something\n"), nil
	}
	e.cancel()
	<-e.Context().Done()
	return 0, e.Context().Err()
}

// Ctrl-C ends a command that reads stdin although that does not end, and nothing is
// left behind.
func TestInterruptWhileReadingStdin(t *testing.T) {
	for _, args := range [][]string{{"add", "-", "--name", "x"}, {"get", "-"}, {"rm", "-"}, {"mv", "-", "to/"}, {"undelete", "-"}} {
		s := newShell(t).withNode()
		before := inFolder(t, s.data)
		ctx, cancel := context.WithCancel(t.Context())
		var out, said bytes.Buffer
		env := s.env(&out, &said)
		env.Stdin = &endless{T: t, cancel: cancel}
		answer{Run(ctx, env, args), out.String(), said.String()}.want(t, shoal.Interrupted.ExitCode()).says(t, "interrupted")
		if after := inFolder(t, s.data); after != before || s.names() != "" {
			t.Errorf("%s: the data folder had %q, and has %q; the node has %q", args[0], before, after, s.names())
		}
		cancel()
	}
}

// What has ended when Ctrl-C is pressed may be what that has cut off: it is not added.
func TestWhatCtrlCCutOffIsNotAdded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if path, err := spool(ctx, strings.NewReader("half"), t.TempDir()); shoal.CodeOf(err) != shoal.Interrupted {
		t.Errorf("error %v", err)
	} else if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", path, err)
	}
}

func inFolder(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
