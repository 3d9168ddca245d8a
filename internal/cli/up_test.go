package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/api/apitest"
)

// The ready line is a promise to scripts: exactly this, and no line more.
func TestUp(t *testing.T) {
	s := newShell(t)
	node := &own{Node: apitest.New()}
	var config NodeConfig
	s.open = func(_ context.Context, c NodeConfig) (Node, error) {
		config = c
		return node, nil
	}
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, s.env(w, &stderr), []string{"up", "--json", "--name", "nas", "--listen", ":1", "--listen", ":2", "--peer", "x", "--capacity", "5%"})
		w.Close()
	}()
	out := bufio.NewReader(r)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"ready","name":"nas","peer_id":"12D3KooWFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake",` +
		`"listen":["/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake"],"data":"/var/lib/shoal","free":412000000000}` + "\n"
	if line != want {
		t.Errorf("the ready line is %s, want %s", line, want)
	}
	if info, err := os.Stat(filepath.Join(s.data, socketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	s.run("status").want(t, 0)
	s.open = func(context.Context, NodeConfig) (Node, error) { return &own{Node: apitest.New()}, nil }
	if a := s.run("up", "--json").want(t, shoal.Exists.ExitCode()); !strings.Contains(a.stdout, "another process is listening on the socket") {
		t.Errorf("a second node says %s", a.stdout)
	}
	stop()
	if exit := <-ended; exit != 0 || !node.closed || stderr.Len() > 0 {
		t.Errorf("exit code %d, closed: %v, stderr %q", exit, node.closed, &stderr)
	}
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("behind the ready line: %q, %v", rest, err)
	}
	if config.Name != "nas" || strings.Join(config.Listen, " ") != ":1 :2" || config.Peers[0] != "x" || config.Capacity != "5%" || config.Data != s.data {
		t.Errorf("the node was to be %+v", config)
	}
	s.run("status").want(t, shoal.NoNode.ExitCode())
}

func TestUpFails(t *testing.T) {
	s := newShell(t)
	s.open = func(context.Context, NodeConfig) (Node, error) { return nil, shoal.Exists }
	s.run("up").want(t, shoal.Exists.ExitCode()).says(t, "hint: a process that does not answer holds")
	s.run("up", "now").want(t, shoal.Usage.ExitCode())
	a := s.run("up", "--json").want(t, shoal.Exists.ExitCode())
	for line := range strings.Lines(a.stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestBanner(t *testing.T) {
	status, err := apitest.New().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status.Listen = append([]string{"/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWFake", "/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3KooWFake"}, status.Listen...)
	var b strings.Builder
	if err := printBanner(&b, style(false), status); err != nil {
		t.Fatal(err)
	}
	golden(t, goldens(t), "banner", b.String())
}
