package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"shoal/internal/membership/ticket"
	"shoal/internal/testnet"
	"shoal/internal/testnet/relay"
)

// relayDelay is how much longer each direction takes.
const relayDelay = 30 * time.Millisecond

// relayRow is getRow through relays that delay.
func relayRow(ctx context.Context, b *bench) (result, error) {
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	addr, stop, err := b.startTLS(ctx)
	if err != nil {
		return result{}, err
	}
	defer stop()
	ours, err := relay.Listen(ctx, "127.0.0.1:0", hostPort(source), relayDelay)
	if err != nil {
		return result{}, err
	}
	defer ours.Close()
	theirs, err := relay.Listen(ctx, "127.0.0.1:0", addr, relayDelay)
	if err != nil {
		return result{}, err
	}
	defer theirs.Close()
	getter, err := b.startBehind(ctx, source, ours.Addr())
	if err != nil {
		return result{}, err
	}
	res, err := b.getAgainst(ctx, getter, id, 0.7,
		func() (time.Duration, error) { return b.receiveTLS(ctx, theirs.Addr()) })
	res.Note = "the relays run in this process, on the same cores"
	return res, err
}

// hostPort is where a node listens, from its multiaddr /ip4/HOST/tcp/PORT/...
func hostPort(node *testnet.Node) string {
	parts := strings.Split(node.Addr, "/")
	return net.JoinHostPort(parts[2], parts[4])
}

// startBehind starts a reader of a source's shoal that reaches it through a relay
// alone: its ticket says so.
func (b *bench) startBehind(ctx context.Context, source *testnet.Node, relay string) (*testnet.Node, error) {
	text, err := source.Run(ctx, "invite", "-q", "--role", "reader")
	if err != nil {
		return nil, err
	}
	t, err := ticket.Parse(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(relay)
	if err != nil {
		return nil, err
	}
	t.Addrs = []string{fmt.Sprintf("/ip4/%s/tcp/%s", host, port)}
	behind, err := t.Text()
	if err != nil {
		return nil, err
	}
	return b.start(ctx, "--join", behind)
}
