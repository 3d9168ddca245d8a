package discovery_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/discovery"
	"shoal/internal/network"
	"shoal/internal/network/memnet"
)

// run runs a keeper for the length of a test.
func run(t *testing.T, host discovery.Connector, addrs ...string) *discovery.Keeper {
	k := discovery.NewKeeper(host, addrs, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return k
}

func TestKeepsAConnectionUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a, b := n.Host("a"), n.Host("b")
		t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
		k := run(t, a, b.Addrs()[0])
		<-k.Tried()
		for range 3 {
			synctest.Wait()
			if len(a.Peers()) != 1 {
				t.Fatalf("%d peers, want 1", len(a.Peers()))
			}
			n.Cut(a, b)
		}
	})
}

// refusing is a network on which nobody answers.
type refusing struct {
	network.Watchers
	mu    sync.Mutex
	dials []time.Time
}

func (r *refusing) Connect(context.Context, string) (shoal.NodeID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dials = append(r.dials, time.Now())
	return "", errors.New("connection refused")
}

func TestBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(refusing)
		defer host.Close()
		k := run(t, host, "somewhere")
		<-k.Tried()
		<-time.After(10 * time.Minute)
		host.mu.Lock()
		defer host.mu.Unlock()
		// Ten minutes at the longest wait alone are twenty dials.
		if n := len(host.dials); n < 15 || n > 40 {
			t.Errorf("%d dials in ten minutes", n)
		}
		for i := 1; i < len(host.dials); i++ {
			if gap := host.dials[i].Sub(host.dials[i-1]); gap > 2*discovery.LastRetry {
				t.Errorf("waited %v between dials", gap)
			}
		}
	})
}

func TestWithoutAddressesNothingIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(refusing)
		defer host.Close()
		<-run(t, host).Tried()
	})
}
