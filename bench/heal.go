package main

import (
	"context"
	"fmt"
	"time"

	"shoal/internal/testnet"
)

// maxNotice is how long four nodes may take to see that the fifth is dead.
const maxNotice = 10 * time.Second

// noticeRow is how long it takes until all of four see the fifth killed.
func noticeRow(ctx context.Context, b *bench) (result, error) {
	nodes, err := b.five(ctx)
	if err != nil {
		return result{}, err
	}
	took, err := killLast(ctx, nodes)
	return result{Ours: fmt.Sprintf("%.1f s", took.Seconds()), Met: took <= maxNotice}, err
}

// killLast kills the last node and waits until all others see it down.
func killLast(ctx context.Context, nodes []*testnet.Node) (time.Duration, error) {
	last := len(nodes) - 1
	return timed(func() error {
		if err := nodes[last].Kill(); err != nil {
			return err
		}
		for _, node := range nodes[:last] {
			if err := until(ctx, func() (bool, error) { return countHealth(ctx, node, "down", 1) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// healRow is the rate at which four nodes copy what a fifth had, from when all have
// noticed its death to when all say safe, against a get from one node.
func healRow(ctx context.Context, b *bench) (result, error) {
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	getter, err := b.startReader(ctx, source)
	if err != nil {
		return result{}, err
	}
	theirs, _, err := b.get(ctx, getter, id)
	if err != nil {
		return result{}, err
	}
	if err := b.endNodes(); err != nil {
		return result{}, err
	}
	moved, ours, err := b.heal(ctx)
	if err != nil {
		return result{}, err
	}
	ratio := float64(moved) / float64(b.size) * theirs.Seconds() / ours.Seconds()
	return result{
		Ours: rate(moved, ours), Theirs: rate(b.size, theirs), Ratio: ratio, Met: ratio >= 0.5,
		Note: fmt.Sprintf("%.1f s for %s, from when it was noticed", ours.Seconds(), mebibytes(moved)),
	}, nil
}

// heal is how much a fifth node had, and how long the others took to have it.
func (b *bench) heal(ctx context.Context) (int64, time.Duration, error) {
	nodes, err := b.five(ctx, "--repair-delay", "0s")
	if err != nil {
		return 0, 0, err
	}
	if _, err := nodes[0].Run(ctx, "add", "-q", "--wait", "safe", b.sample); err != nil {
		return 0, 0, err
	}
	if err := awaitSafe(ctx, nodes); err != nil {
		return 0, 0, err
	}
	lost, err := statusOf(ctx, nodes[4])
	if err != nil {
		return 0, 0, err
	}
	if _, err := killLast(ctx, nodes); err != nil {
		return 0, 0, err
	}
	took, err := timed(func() error { return awaitSafe(ctx, nodes[:4]) })
	return lost.Stored, took, err
}
