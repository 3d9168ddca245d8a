package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// idleSpan is for how long the idle shoal is watched.
const idleSpan = 20 * time.Second

// idleRow is what a node of a shoal of five costs that has nothing to do.
func idleRow(ctx context.Context, b *bench) (result, error) {
	nodes, err := b.five(ctx)
	if err != nil {
		return result{}, err
	}
	if err := pause(ctx, settle); err != nil {
		return result{}, err
	}
	worked, err := processorTime(nodes...)
	if err != nil {
		return result{}, err
	}
	sent, err := loopbackBytes()
	if err != nil {
		return result{}, err
	}
	if err := pause(ctx, idleSpan); err != nil {
		return result{}, err
	}
	after, err := processorTime(nodes...)
	if err != nil {
		return result{}, err
	}
	sentAfter, err := loopbackBytes()
	share := (after - worked).Seconds() / idleSpan.Seconds() / 5
	bytes := float64(sentAfter-sent) / idleSpan.Seconds() / 5
	return result{
		Ours: fmt.Sprintf("%.2f %% of a core, %.2f KB/s", 100*share, bytes/1e3), Met: share <= 0.01 && bytes <= 2000,
		Note: "sent by a node, with all headers",
	}, err
}

func pause(ctx context.Context, span time.Duration) error {
	select {
	case <-time.After(span):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loopbackBytes is what the loopback has carried so far, of all processes
// (proc_pid_net(5)).
func loopbackBytes() (int64, error) {
	text, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if counters, ok := strings.CutPrefix(strings.TrimSpace(line), "lo:"); ok {
			return strconv.ParseInt(strings.Fields(counters)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("there is no loopback")
}
