package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"shoal"
	"shoal/internal/api"
	"shoal/internal/api/apitest"
	"shoal/internal/api/socket"
	"shoal/internal/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the API of a little node on a socket until the test ends.
func serve(t *testing.T) (*apitest.Node, string) {
	t.Helper()
	fake := apitest.New()
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, l, api.New(fake), slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return fake, path
}

// The client is the node it leads to.
func TestConformance(t *testing.T) {
	apitest.Run(t, func(t *testing.T) apitest.Subject {
		fake, path := serve(t)
		c := client.New(path)
		t.Cleanup(func() { c.Close() })
		return apitest.Subject{Node: c, Fake: fake}
	})
}

func TestNoNode(t *testing.T) {
	c := client.New(filepath.Join(t.TempDir(), "api.sock"))
	_, err := c.Status(t.Context())
	if shoal.CodeOf(err) != shoal.NoNode || shoal.HintOf(err) != "start one: shoal up" {
		t.Errorf("%v, hint %q; want no node and how to start one", err, shoal.HintOf(err))
	}
	if _, err := c.Open(t.Context(), "x"); shoal.CodeOf(err) != shoal.NoNode {
		t.Errorf("open: %v", err)
	}
	if err := c.Add(t.Context(), shoal.AddRequest{}, nil); shoal.CodeOf(err) != shoal.NoNode {
		t.Errorf("add: %v", err)
	}
}

func TestNodeInAFolderFarDown(t *testing.T) {
	c := client.New(filepath.Join(t.TempDir(), strings.Repeat("deep/", 60), "api.sock"))
	if _, err := c.Status(t.Context()); shoal.CodeOf(err) != shoal.NoNode {
		t.Errorf("%v, want no node", err)
	}
}

// A node that dies in the middle of an answer is not mistaken for one that
// has finished.
func TestNodeDies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"+
				`{"seq":1,"event":"transfer_started","item":0}`+"\n")
			conn.Close()
		}
	}()
	c := client.New(path)
	defer c.Close()
	events := 0
	err = c.Get(t.Context(), shoal.GetRequest{}, func(shoal.Event) { events++ })
	if shoal.CodeOf(err) != shoal.NoNode || !errors.Is(err, io.ErrUnexpectedEOF) || events != 1 {
		t.Errorf("%v after %d events, want that the node went away after 1", err, events)
	}
}
