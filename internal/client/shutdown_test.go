package client_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/api"
	"shoal/internal/api/apitest"
	"shoal/internal/api/socket"
	"shoal/internal/client"
)

// When the node stops, work under way ends, and whoever asked for it is told.
func TestShutdownTellsClients(t *testing.T) {
	fake := apitest.New()
	begun, ended := fake.Stall()
	path := filepath.Join(t.TempDir(), "s")
	l, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	defer stop()
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, l, api.New(fake), slog.New(slog.DiscardHandler)) }()

	c := client.New(path)
	defer c.Close()
	answered := make(chan error, 1)
	go func() {
		answered <- c.Get(t.Context(), shoal.GetRequest{Items: []shoal.GetItem{{Ref: "x", Output: "/x"}}}, nil)
	}()
	<-begun
	stop()
	if err := <-ended; shoal.CodeOf(err) != shoal.Interrupted {
		t.Errorf("the node's work ended with %v", err)
	}
	if err := <-answered; shoal.CodeOf(err) != shoal.Interrupted {
		t.Errorf("the client was told %v, want interrupted", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := c.Status(t.Context()); shoal.CodeOf(err) != shoal.NoNode {
		t.Errorf("after the end: %v, want no node", err)
	}
}
