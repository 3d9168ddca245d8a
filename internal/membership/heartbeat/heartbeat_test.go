package heartbeat_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/membership/heartbeat"
	"shoal/internal/membership/liveness"
	"shoal/internal/network/memnet"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// node is a host and the runner that watches the others from there.
type node struct {
	host   *memnet.Host
	runner *heartbeat.Runner
	stop   func()

	mu   sync.Mutex
	news []liveness.Action
}

// shoalOf starts n nodes, all connected.
func shoalOf(t *testing.T, net *memnet.Net, n int) []*node {
	t.Helper()
	nodes := make([]*node, n)
	var ids []shoal.NodeID
	for i := range nodes {
		nodes[i] = start(t, net, i, 1)
		ids = append(ids, nodes[i].host.ID())
	}
	for i, a := range nodes {
		a.runner.Enrol(ids)
		for _, b := range nodes[:i] {
			if _, err := a.host.Connect(t.Context(), b.host.Addrs()[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return nodes
}

func start(t *testing.T, net *memnet.Net, i int, incarnation uint64) *node {
	t.Helper()
	own := &node{host: net.Host(fmt.Sprint(i))}
	var err error
	own.runner, err = heartbeat.New(heartbeat.Config{
		Host: own.host, Key: own.host.Key(),
		Detector: liveness.Config{Incarnation: incarnation, Nonce: uint64(i) + 1},
		Clock:    func() record.Stamp { return record.StampAt(time.Now()) },
		Notify: func(a liveness.Action) {
			own.mu.Lock()
			defer own.mu.Unlock()
			own.news = append(own.news, a)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	own.host.Handle(wire.BeatProtocol, own.runner.Serve)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { own.runner.Run(ctx) })
	own.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = own.host.Close()
	})
	t.Cleanup(own.stop)
	return own
}

// sees is what a node knows of another.
func (n *node) sees(t *testing.T, other *node) liveness.Member {
	t.Helper()
	for _, m := range n.runner.Members() {
		if m.Node == other.host.ID() {
			return m
		}
	}
	t.Fatal("the node is not known")
	return liveness.Member{}
}

func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func wantAll(t *testing.T, nodes []*node, about *node, want liveness.State) {
	t.Helper()
	for i, n := range nodes {
		if n == about {
			continue
		}
		if got := n.sees(t, about); got.State != want {
			t.Errorf("node %d sees it %v, want %v", i, got.State, want)
		}
	}
}

func TestAllAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := shoalOf(t, memnet.New(1), 5)
		after(5 * time.Second)
		for _, n := range nodes {
			wantAll(t, nodes, n, liveness.Alive)
		}
		nodes[0].runner.Say(liveness.Own{Full: true, Free: 7, Digest: []byte("held")})
		after(6 * time.Second)
		if got := nodes[3].sees(t, nodes[0]).Own; !got.Full || got.Free != 7 || string(got.Digest) != "held" {
			t.Errorf("it is said to have said %+v", got)
		}
	})
}

// A process that is killed is known to be down at once, for its machine refuses.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := shoalOf(t, memnet.New(1), 5)
		after(5 * time.Second)
		if err := nodes[4].host.Close(); err != nil {
			t.Fatal(err)
		}
		after(2 * time.Second)
		wantAll(t, nodes, nodes[4], liveness.Down)
	})
}

// A machine that is gone says nothing, and that takes longer.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		nodes := shoalOf(t, net, 5)
		after(5 * time.Second)
		gone := nodes[4]
		for _, n := range nodes[:4] {
			net.Shape(n.host, gone.host, memnet.Link{Down: true})
			net.Shape(gone.host, n.host, memnet.Link{Down: true})
		}
		after(4 * time.Second)
		wantAll(t, nodes, gone, liveness.Alive)
		after(10 * time.Second)
		wantAll(t, nodes[:4], gone, liveness.Down)
		for _, n := range nodes[:4] {
			net.Shape(n.host, gone.host, memnet.Link{})
			net.Shape(gone.host, n.host, memnet.Link{})
		}
		after(30 * time.Second)
		wantAll(t, nodes, gone, liveness.Alive)
	})
}

func TestGoodBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := shoalOf(t, memnet.New(1), 4)
		after(5 * time.Second)
		nodes[3].stop()
		after(200 * time.Millisecond)
		for _, n := range nodes[:3] {
			if got := n.sees(t, nodes[3]); got.State != liveness.Down || !got.Left {
				t.Errorf("after a good-bye: %+v", got)
			}
		}
	})
}

// What is no message ends the stream it came on, and nothing else.
func TestNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		nodes := shoalOf(t, net, 2)
		after(5 * time.Second)
		for _, frame := range [][]byte{
			wire.AppendBeat(nil, bytes.Repeat([]byte{0xff}, 20)),
			wire.AppendBeat(nil, make([]byte, liveness.MaxMessage+1)),
			wire.Digest{}.Append(nil),
		} {
			stream, err := nodes[0].host.Open(t.Context(), nodes[1].host.ID(), wire.BeatProtocol)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Write(frame); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Read(make([]byte, 1)); err == nil {
				t.Error("an answer came")
			}
		}
		after(5 * time.Second)
		wantAll(t, nodes, nodes[0], liveness.Alive)
	})
}
