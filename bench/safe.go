package main

import (
	"context"
	"fmt"
	"time"

	"shoal/internal/testnet"
)

// safeRow is add --wait safe to a shoal of five against add --wait local.
func safeRow(ctx context.Context, b *bench) (result, error) {
	nodes, err := b.five(ctx)
	if err != nil {
		return result{}, err
	}
	m, err := b.duel(
		func() (time.Duration, error) { return b.addNew(ctx, nodes, "safe") },
		func() (time.Duration, error) { return b.addNew(ctx, nodes, "local") })
	if err != nil {
		return result{}, err
	}
	return m.result(b.size, 0.4), nil
}

// addNew has the first node add a file that none has, and waits until all are at
// rest. Only the add is timed.
func (b *bench) addNew(ctx context.Context, nodes []*testnet.Node, wait string) (time.Duration, error) {
	if err := testnet.WriteSample(ctx, b.sample, b.size); err != nil {
		return 0, err
	}
	took, err := timed(func() error {
		_, err := nodes[0].Run(ctx, "add", "-q", "--wait", wait, b.sample)
		return err
	})
	if err != nil {
		return 0, err
	}
	return took, awaitSafe(ctx, nodes)
}

// rebootRow is how much four nodes copy while the fifth is away for a moment.
func rebootRow(ctx context.Context, b *bench) (result, error) {
	nodes, err := b.five(ctx)
	if err != nil {
		return result{}, err
	}
	if _, err := nodes[0].Run(ctx, "add", "-q", "--wait", "safe", b.sample); err != nil {
		return result{}, err
	}
	if err := awaitSafe(ctx, nodes); err != nil {
		return result{}, err
	}
	others := nodes[1:4] // the adder's surplus may go meanwhile
	before, err := storedAt(ctx, others)
	if err != nil {
		return result{}, err
	}
	if _, err := killLast(ctx, nodes); err != nil {
		return result{}, err
	}
	if nodes[4], err = b.net.Restart(ctx, nodes[4]); err != nil {
		return result{}, err
	}
	if err := awaitSafe(ctx, nodes); err != nil {
		return result{}, err
	}
	after, err := storedAt(ctx, others)
	return result{Ours: fmt.Sprintf("%d bytes", after-before), Met: after == before}, err
}

// storedAt is how many bytes these nodes have together.
func storedAt(ctx context.Context, nodes []*testnet.Node) (total int64, err error) {
	for _, node := range nodes {
		now, err := statusOf(ctx, node)
		if err != nil {
			return 0, err
		}
		total += now.Stored
	}
	return total, nil
}
