package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"shoal"
)

// fakeVariable makes this test's own binary a stand-in for shoal.
const fakeVariable = "SHOAL_TESTNET_FAKE"

const fakeID = "12D3KooWCkGFqUEXpntEnc5jdXNeEDP5RXFEKzntFV1hor6JamYW"

func TestMain(m *testing.M) {
	if os.Getenv(fakeVariable) == "" {
		os.Exit(m.Run())
	}
	os.Exit(fake(os.Args[1:]))
}

// fake is what a shoal does that has no files.
func fake(args []string) int {
	switch args[0] {
	case "up":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		say(`{"type":"ready","peer_id":"` + fakeID + `","listen":["/ip4/127.0.0.1/tcp/1/p2p/` + fakeID + `"]}`)
		<-stop
		fmt.Fprintln(os.Stderr, "stopped in order")
	case "get":
		say(`{"type":"progress","event":"progress","done":1,"total":2}`)
		say(`{"type":"result","path":"out","stats":{"bytes":2,"sources":[{"node":"` + fakeID + `","bytes":2}]}}`)
		say(`{"type":"summary","exit":0}`)
	case "echo":
		say(strings.Join(args[1:], " "))
	default:
		fmt.Fprintln(os.Stderr, "no such command")
		return 3
	}
	return 0
}

func say(line string) { _, _ = os.Stdout.WriteString(line + "\n") }

// newNet is a net of fakes, which leaves nothing behind.
func newNet(t *testing.T) *Net {
	t.Helper()
	t.Setenv(fakeVariable, "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each fake takes a second to end
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := New(self, filepath.Join(t.TempDir(), "nodes"))
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func start(t *testing.T, n *Net, args ...string) *Node {
	t.Helper()
	node, err := n.Start(t.Context(), "ada", args...)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func TestANodeSaysWhereItIs(t *testing.T) {
	node := start(t, newNet(t))
	if want := "/ip4/127.0.0.1/tcp/1/p2p/" + fakeID; node.ID != fakeID || node.Addr != want {
		t.Errorf("got %s at %s", node.ID, node.Addr)
	}
	if memory, err := node.Memory(); err != nil || memory <= 0 {
		t.Errorf("its memory is %d, %v", memory, err)
	}
}

func TestCommandsAskTheirNode(t *testing.T) {
	node := start(t, newNet(t))
	out, err := node.Run(t.Context(), "echo", "hello")
	if want := "hello --data " + node.Data + "\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v", out, err)
	}
	_, err = node.Run(t.Context(), "nonsense")
	if err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Errorf("got %v", err)
	}
}

func TestGetShowsItsEvents(t *testing.T) {
	node := start(t, newNet(t))
	var events []shoal.Event
	got, err := node.Get(t.Context(), "ref", "out", func(e shoal.Event) { events = append(events, e) })
	if err != nil || got.Path != "out" || got.Stats.Sources[0].Bytes != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(events) != 1 || events[0].Done != 1 || events[0].Total != 2 {
		t.Errorf("saw %+v", events)
	}
}

func TestStopIsOrderlyAndKillIsNot(t *testing.T) {
	n := newNet(t)
	stopped := start(t, n)
	if err := stopped.Stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stopped.Log(), "stopped in order") {
		t.Errorf("its log is %q", stopped.Log())
	}
	killed := start(t, n)
	if err := errors.Join(killed.Freeze(), killed.Kill(), killed.Kill(), killed.Stop()); err != nil {
		t.Fatal(err)
	}
	if killed.Log() != "" {
		t.Errorf("its log is %q", killed.Log())
	}
}

func TestCloseEndsFrozenNodes(t *testing.T) {
	n := newNet(t)
	node := start(t, n)
	if err := errors.Join(node.Freeze(), n.Close()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(node.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("signalling it gives %v", err)
	}
}

func TestANodeThatDoesNotStartSaysWhy(t *testing.T) {
	n := newNet(t)
	n.binary = "/bin/false"
	if _, err := n.Start(t.Context(), "ada"); err == nil || !strings.Contains(err.Error(), "is not ready") {
		t.Errorf("got %v", err)
	}
	n.binary = filepath.Join(t.TempDir(), "missing")
	if _, err := n.Start(t.Context(), "ada"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
