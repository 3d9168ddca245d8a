package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

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
	res, err := b.getAgainst(ctx, multiaddr(ours.Addr(), source.ID), id, 0.7,
		func() (time.Duration, error) { return b.receiveTLS(ctx, theirs.Addr()) })
	res.Note = "the relays run in this process, on the same cores"
	return res, err
}

// hostPort is where a node listens, from its multiaddr /ip4/HOST/tcp/PORT/...
func hostPort(node *testnet.Node) string {
	parts := strings.Split(node.Addr, "/")
	return net.JoinHostPort(parts[2], parts[4])
}

// multiaddr is an address of host and port, of a peer.
func multiaddr(addr, peerID string) string {
	host, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf("/ip4/%s/tcp/%s/p2p/%s", host, port, peerID)
}
