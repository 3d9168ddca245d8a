package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"shoal/internal/testnet"
)

// The bounds of what a row waits for, and how often it looks.
const (
	patience = 5 * time.Minute
	glance   = 50 * time.Millisecond
)

// five starts a shoal of five, and waits until its first node sees all up.
func (b *bench) five(ctx context.Context, args ...string) ([]*testnet.Node, error) {
	first, err := b.start(ctx, args...)
	if err != nil {
		return nil, err
	}
	nodes := []*testnet.Node{first}
	for range 4 {
		b.nodes++
		node, err := b.net.Join(ctx, first, "member", fmt.Sprintf("node%d", b.nodes), args...)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	for _, node := range nodes {
		if err := until(ctx, func() (bool, error) { return countHealth(ctx, node, "up", 4) }); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// countHealth reports whether a node thinks so of so many others.
func countHealth(ctx context.Context, node *testnet.Node, health string, want int) (bool, error) {
	out, err := node.Run(ctx, "nodes", "--json")
	return strings.Count(string(out), `"health":"`+health+`"`) == want, err
}

// shoalStatus is what of a node's status the rows need.
type shoalStatus struct {
	Stored int64
	Safety struct{ State string }
}

func statusOf(ctx context.Context, node *testnet.Node) (now shoalStatus, err error) {
	out, err := node.Run(ctx, "status", "--json")
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(out)).Decode(&now)
	}
	return now, err
}

// awaitSafe waits until each node says that all is safe.
func awaitSafe(ctx context.Context, nodes []*testnet.Node) error {
	for _, node := range nodes {
		if err := until(ctx, func() (bool, error) {
			now, err := statusOf(ctx, node)
			return now.Safety.State == "safe", err
		}); err != nil {
			return fmt.Errorf("wait until %s is safe: %w", node.Name, err)
		}
	}
	return nil
}

// until waits until something is so.
func until(ctx context.Context, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(glance):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
