package node

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/network"
	"shoal/internal/network/memnet"
)

// virtually runs a test in the fake time of testing/synctest: a day passes as soon
// as nobody has anything to do. Such tests run side by side, for none of them minds
// how busy the machine is.
func virtually(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// lab is a network inside of this process on which every byte is under way for
// wayDelay.
type lab struct {
	net   *memnet.Net
	hosts []network.Host
	moves int
}

const wayDelay = 5 * time.Millisecond

func newLab() *lab { return &lab{net: memnet.New(1)} }

// home is what a node has in place of libp2p, always at the same address.
func (l *lab) home(key ed25519.PrivateKey) (network.Host, error) { return l.host("home", key), nil }

// elsewhere is the same at an address where nobody was before.
func (l *lab) elsewhere(key ed25519.PrivateKey) (network.Host, error) {
	l.moves++
	return l.host(fmt.Sprint("place", l.moves), key), nil
}

func (l *lab) host(place string, key ed25519.PrivateKey) network.Host {
	h := l.net.HostOf(place, key)
	for _, other := range l.hosts {
		l.net.Shape(h, other, memnet.Link{Delay: wayDelay})
		l.net.Shape(other, h, memnet.Link{Delay: wayDelay})
	}
	l.hosts = append(l.hosts, h)
	return h
}

// onSockets has nodes run on real sockets, and by the machine's clock.
func onSockets(c *Config) { c.network = nil }

// together starts n nodes of one shoal, in a lab unless change says otherwise. The
// first founds it, the others join with tickets.
func together(t *testing.T, n int, change func(*Config)) []*Node {
	t.Helper()
	return newLab().together(t, n, change)
}

func (l *lab) together(t *testing.T, n int, change func(*Config)) []*Node {
	t.Helper()
	var nodes []*Node
	for i := range n {
		cfg := configOf(t, fmt.Sprintf("node%d", i))
		cfg.network = l.home
		if i > 0 {
			cfg.Join = invite(t, nodes[0])
		}
		if change != nil {
			change(&cfg)
		}
		nodes = append(nodes, open(t, cfg))
	}
	await(t, "all have heard what all are called", func() bool {
		return !slices.ContainsFunc(nodes, func(n *Node) bool {
			return slices.ContainsFunc(nodes, func(other *Node) bool { return n.membership.Node(other.self()).Name == "" })
		})
	})
	return nodes
}

// alone starts a node that founds a shoal, as together does.
func alone(t *testing.T, change func(*Config)) *Node {
	t.Helper()
	return together(t, 1, change)[0]
}

// joiner is the configuration of a node that is to join another's shoal, where
// that runs.
func joiner(t *testing.T, of *Node, name string) Config {
	t.Helper()
	cfg := configOf(t, name)
	cfg.network, cfg.Join = of.cfg.network, invite(t, of)
	return cfg
}

// reader starts a node that belongs to another's shoal, and keeps nothing for it.
func reader(t *testing.T, of *Node, name string) *Node {
	t.Helper()
	made, err := of.Invite(t.Context(), shoal.InviteRequest{Role: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := configOf(t, name)
	cfg.network, cfg.Join = of.cfg.network, made.Ticket
	return open(t, cfg)
}

// stranger starts a node of another shoal where a node can be reached.
func stranger(t *testing.T, to *Node) *Node {
	t.Helper()
	cfg := configOf(t, "stranger")
	cfg.network = to.cfg.network
	return open(t, cfg)
}

func configOf(t *testing.T, name string) Config {
	return Config{Data: t.TempDir(), Name: name, Listen: []string{"127.0.0.1:0"}, Version: "test"}
}

func open(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close %s: %v", cfg.Name, err)
		}
	})
	return n
}

func invite(t *testing.T, n *Node) string {
	t.Helper()
	made, err := n.Invite(t.Context(), shoal.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Ticket
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	within(t, time.Minute, what, so)
}

// within waits until something is so, at most so long, and returns how long it
// took.
func within(t *testing.T, limit time.Duration, what string, so func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > limit {
			t.Fatalf("in %v it did not come about that %s", limit, what)
		}
		<-time.After(max(20*time.Millisecond, limit/1000))
	}
	return time.Since(began)
}
