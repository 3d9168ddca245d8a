package heartbeat

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/network"
)

// stagger is how long an address is given before the next is tried beside it, as
// RFC 8305 section 8 advises. One that refuses lets the next go at once.
const stagger = 250 * time.Millisecond

// dial makes a connection to a peer, and tells how that went.
func (r *Runner) dial(ctx context.Context, peer shoal.NodeID) {
	r.tell(liveness.Dialled{Peer: peer, Outcome: r.tryAll(ctx, peer)})
}

// way is an address of a peer.
type way struct {
	addr string
	old  bool // of an earlier life of this node
}

// ways is where a peer may be found: where it is now, and then where it was.
func (r *Runner) ways(peer shoal.NodeID) []way {
	now := r.cfg.Host.AddrsOf(peer)
	if r.cfg.AddrsOf != nil {
		now = append(now, r.cfg.AddrsOf(peer)...)
	}
	var before []string
	if r.cfg.Before != nil {
		before = r.cfg.Before(peer)
	}
	var ways []way
	for i, addrs := range [][]string{telling(now), telling(before)} {
		for _, addr := range addrs {
			known := slices.ContainsFunc(ways, func(w way) bool { return w.addr == addr })
			if !known && len(ways) < maxDials*(i+1) {
				ways = append(ways, way{addr, i > 0})
			}
		}
	}
	return ways
}

// tryAll tries the peer's addresses, each a little after the one before it, until
// one is good. The peer has refused if it did at all where it is now.
func (r *Runner) tryAll(ctx context.Context, peer shoal.NodeID) liveness.Outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ways := r.ways(peer)
	ended := make(chan error, len(ways))
	refused := len(ways) > 0 && !ways[0].old
	waiting := 0
	for next := 0; next < len(ways) || waiting > 0; {
		var pause <-chan time.Time
		if next < len(ways) {
			w := ways[next]
			r.running.Go(func() { ended <- r.try(ctx, w) })
			next, waiting, pause = next+1, waiting+1, time.After(stagger)
		}
		select {
		case err := <-ended:
			if err == nil {
				return liveness.Reached
			}
			waiting--
			refused = refused && errors.Is(err, network.ErrRefused)
		case <-pause:
		}
	}
	if refused {
		return liveness.Refused
	}
	return liveness.Unknown
}

// try tries one address. The error of one of an earlier life is always
// network.ErrRefused: it says nothing against what the others say.
func (r *Runner) try(ctx context.Context, w way) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	_, err := r.cfg.Host.Connect(ctx, w.addr)
	if err != nil && (w.old || errors.Is(err, syscall.ECONNREFUSED)) {
		return network.ErrRefused
	}
	return err
}

// telling leaves out the addresses that cannot say for sure that a process is
// gone, where there are others: those of this very machine, unless the peer is
// on it, and those of QUIC, for UDP has no refusals one can rely on.
func telling(addrs []string) []string {
	for _, doubtful := range []func(string) bool{
		func(addr string) bool { return strings.Contains(addr, "/quic") },
		func(addr string) bool {
			return strings.HasPrefix(addr, "/ip4/127.") || strings.HasPrefix(addr, "/ip6/::1/")
		},
	} {
		if left := slices.DeleteFunc(slices.Clone(addrs), doubtful); len(left) > 0 {
			addrs = left
		}
	}
	return addrs
}
