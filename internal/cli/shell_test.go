package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"shoal"
	"shoal/internal/api"
	"shoal/internal/api/apitest"
	"shoal/internal/api/socket"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell is a person at a command line, with a little node or without.
type shell struct {
	t     *testing.T
	data  string // the data folder
	stdin string
	fake  *apitest.Node // the node that runs; nil if none does
	open  func(context.Context, NodeConfig) (Node, error)
	look  []Finding // what the doctor of a stopped node finds
}

// newShell is a shell in an empty folder, with no node running.
func newShell(t *testing.T) *shell {
	t.Helper()
	folder := t.TempDir()
	t.Chdir(folder)
	data := filepath.Join(folder, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(data, apitest.Born(), apitest.Born()); err != nil { // the shell's clock is not the machine's
		t.Fatal(err)
	}
	return &shell{t: t, data: data, open: func(context.Context, NodeConfig) (Node, error) {
		return nil, errors.New("no node was to be started")
	}}
}

// withNode runs a little node on the shell's data folder until the test ends.
func (s *shell) withNode() *shell {
	s.t.Helper()
	s.fake = apitest.New()
	l, err := socket.Listen(filepath.Join(s.data, socketName))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, l, api.New(s.fake), slog.New(slog.DiscardHandler)) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			s.t.Error(err)
		}
	})
	return s
}

// answer is how a command ended.
type answer struct {
	exit           int
	stdout, stderr string
}

// run runs one command line.
func (s *shell) run(args ...string) answer {
	return s.runIn(s.t.Context(), args...)
}

func (s *shell) runIn(ctx context.Context, args ...string) answer {
	var out, err bytes.Buffer
	exit := Run(ctx, s.env(&out, &err), args)
	return answer{exit, out.String(), err.String()}
}

func (s *shell) env(stdout, stderr io.Writer) Env {
	return Env{
		Stdin: strings.NewReader(s.stdin), Stdout: stdout, Stderr: stderr,
		Getenv: func(key string) string { return map[string]string{"SHOAL_DATA": s.data, "GOMEMLIMIT": "off"}[key] },
		Now:    func() time.Time { return apitest.Born().Add(2 * time.Hour) },
		OpenNode: func(ctx context.Context, c NodeConfig) (Node, error) {
			return s.open(ctx, c)
		},
		Doctor: func(context.Context, string, Repair) ([]Finding, error) { return s.look, nil },
	}
}

// want fails the test unless the command ended with the code.
func (a answer) want(t *testing.T, exit int) answer {
	t.Helper()
	if a.exit != exit {
		t.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", a.exit, exit, a.stdout, a.stderr)
	}
	return a
}

// says fails the test unless stderr has the text.
func (a answer) says(t *testing.T, text string) answer {
	t.Helper()
	if !strings.Contains(a.stderr, text) {
		t.Errorf("stderr lacks %q:\n%s", text, a.stderr)
	}
	return a
}

// write makes a file in the current folder.
func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// own is a little node in this process; it remembers that it was closed.
type own struct {
	*apitest.Node
	closed bool
}

func (o *own) Close() error {
	o.closed = true
	return nil
}

// golden compares text with a file in testdata of the package, or writes it.
func golden(t *testing.T, folder, name, got string) {
	t.Helper()
	path := filepath.Join(folder, name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: want -, got + (write it anew with -update)\n%s", path, diff)
	}
}

// goldens is where the golden files are; to be asked before newShell, which
// goes elsewhere.
func goldens(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// furnished is a shell with a node that has files, a peer and a good length
// of life behind it.
func furnished(t *testing.T) *shell {
	t.Helper()
	s := newShell(t).withNode()
	s.fake.Put("photos/a.jpg", bytes.Repeat([]byte("a"), 3*apitest.ChunkSize))
	s.fake.Put("photos/b ü.jpg", bytes.Repeat([]byte("b"), 700))
	s.fake.Put("big.iso", bytes.Repeat([]byte("c"), 1200*apitest.ChunkSize))
	s.fake.Meet(shoal.Peer{
		ID: "12D3KooWPeerPeerPeerPi4Pi4Pi", Name: "pi4", Addr: "/ip4/192.0.2.7/tcp/4001", Direction: "out", Transport: "tcp",
		Latency: 3400 * time.Microsecond, Since: apitest.Born(), BytesIn: 2_100_000_000, BytesOut: 512,
	})
	s.fake.Meet(shoal.Peer{
		ID: "12D3KooWPeerPeerPeerNoName", Name: "evil\x1b[2J\u202e", Addr: "/ip4/192.0.2.8/udp/4001/quic-v1", Direction: "in", Transport: "quic",
		Since: apitest.Born().Add(time.Hour),
	})
	return s
}
