package node

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
)

// portOf is the port of a node's first address, with what is before it.
func portOf(n *Node) string {
	addr, _, _ := strings.Cut(n.host.Addrs()[0], "/p2p/")
	return addr
}

// occupy takes a node's port, which must have ended, until the test ends.
func occupy(t *testing.T, addr string) {
	t.Helper()
	_, port, _ := strings.Cut(addr, "/tcp/")
	l, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

func shut(t *testing.T, nodes ...*Node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// reopen starts a node again, with no ticket.
func reopen(t *testing.T, n *Node) *Node {
	t.Helper()
	cfg := n.cfg
	cfg.Join = ""
	return open(t, cfg)
}

// moved starts a node again where it can be reached at another address.
func (l *lab) moved(t *testing.T, n *Node) *Node {
	t.Helper()
	n.cfg.network = l.elsewhere
	return reopen(t, n)
}

// meshed reports whether each of the nodes is connected with all others.
func meshed(nodes ...*Node) func() bool {
	return func() bool {
		return !slices.ContainsFunc(nodes, func(n *Node) bool { return len(n.neighbours()) != len(nodes)-1 })
	}
}

// rightly reports whether every node's roster says where every node is.
func rightly(nodes ...*Node) func() bool {
	return func() bool {
		for _, n := range nodes {
			for _, other := range nodes {
				said, is := slices.Values(n.membership.Node(other.self()).Addrs), slices.Values(forOthers(other.host.Addrs()))
				if !slices.Equal(slices.Sorted(said), slices.Sorted(is)) {
					return false
				}
			}
		}
		return true
	}
}

// sees reports whether one node finds that another is up.
func sees(n, other *Node) func() bool {
	return func() bool {
		return slices.ContainsFunc(n.beats.Members(), func(m liveness.Member) bool {
			return m.Node == other.self() && m.State == liveness.Alive
		})
	}
}

// Three nodes that listen wherever they can are all off. When they are back two
// have their old ports, by which the third finds them from a new one.
func TestAllWereOffAndOneHasMoved(t *testing.T) {
	nodes := together(t, 3, onSockets)
	await(t, "all know where all are", func() bool { return meshed(nodes...)() && rightly(nodes...)() })
	var ports []string
	for _, n := range nodes {
		ports = append(ports, portOf(n))
	}
	shut(t, nodes...)
	occupy(t, ports[1])
	began := time.Now()
	for i, n := range nodes {
		nodes[i] = reopen(t, n)
		if same := portOf(nodes[i]) == ports[i]; same != (i != 1) {
			t.Errorf("%s was at %s and is at %s", n.cfg.Name, ports[i], portOf(nodes[i]))
		}
	}
	await(t, "all are connected again", meshed(nodes...))
	t.Logf("connected after %v", time.Since(began).Round(time.Millisecond))
	await(t, "every roster is right", rightly(nodes...))
	t.Logf("every roster is right after %v", time.Since(began).Round(time.Millisecond))
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				await(t, "all see all", sees(n, other))
			}
		}
	}
	t.Logf("all see all after %v", time.Since(began).Round(time.Millisecond))
}

// A node comes back elsewhere while the others run: it finds them, and they know
// within seconds where it is.
func TestANodeComesBackElsewhere(t *testing.T) {
	virtually(t, func(t *testing.T) {
		l := newLab()
		nodes := l.together(t, 3, nil)
		await(t, "all know where all are", func() bool { return meshed(nodes...)() && rightly(nodes...)() })
		for i := range nodes {
			shut(t, nodes[i])
			others := slices.Delete(slices.Clone(nodes), i, i+1)
			await(t, "the others have noticed", func() bool { return !sees(others[0], nodes[i])() && !sees(others[1], nodes[i])() })
			nodes[i] = l.moved(t, nodes[i])
			within(t, time.Second, "it is connected", meshed(nodes...))
			within(t, 5*time.Second, "the others see it, and know where it is", func() bool {
				return rightly(nodes...)() && sees(others[0], nodes[i])() && sees(others[1], nodes[i])()
			})
		}
	})
}

// Two of three have moved while all were off. They know nothing of each other's
// new place; the third, which both find, tells them.
func TestTwoHaveMovedAndFindEachOtherThroughTheThird(t *testing.T) {
	virtually(t, func(t *testing.T) {
		l := newLab()
		nodes := l.together(t, 3, nil)
		await(t, "all know where all are", func() bool { return meshed(nodes...)() && rightly(nodes...)() })
		shut(t, nodes...)
		nodes[0], nodes[1] = l.moved(t, nodes[0]), l.moved(t, nodes[1])
		pass(time.Minute)
		if len(nodes[0].neighbours()) > 0 || sees(nodes[0], nodes[1])() {
			t.Fatal("they have found each other, and nobody has told them where")
		}
		nodes[2] = reopen(t, nodes[2])
		within(t, 10*time.Second, "all are connected", meshed(nodes...))
		within(t, 10*time.Second, "every roster is right", rightly(nodes...))
	})
}

// Where a node was reached is known at the next start, though the roster does not
// say it.
func TestWhereANodeWasReachedIsRemembered(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		await(t, "they are connected", meshed(nodes...))
		there := nodes[0].self()
		await(t, "it is noted", func() bool { return len(nodes[1].addresses.Of(there)) > 0 })
		was := nodes[1].addresses.Of(there)
		shut(t, nodes[1])
		if err := nodes[0].council.Say(t.Context(), roster.Self{Name: "node0", Allotment: 1, Addrs: []string{"/ip4/127.0.0.1/tcp/1/p2p/" + string(there)}}); err != nil {
			t.Fatal(err)
		}
		nodes[1] = reopen(t, nodes[1])
		if got := nodes[1].addresses.Of(there); !slices.Equal(got, was) {
			t.Errorf("it remembers %v, not %v", got, was)
		}
		await(t, "they are connected again", meshed(nodes...))
	})
}

// An address that a node gets while it runs is told to all.
func TestAddressesChangeWhileANodeRuns(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		await(t, "all know where all are", func() bool { return meshed(nodes...)() && rightly(nodes...)() })
		wrong := roster.Self{Name: "node0", Allotment: nodes[0].allotment, Addrs: []string{"/ip4/10.1.2.3/tcp/4001/p2p/" + string(nodes[0].self())}}
		if err := nodes[0].council.Say(t.Context(), wrong); err != nil { // as if the address had been that so far
			t.Fatal(err)
		}
		await(t, "the other has heard it", func() bool { return slices.Equal(nodes[1].membership.Node(nodes[0].self()).Addrs, wrong.Addrs) })
		await(t, "it was put right", rightly(nodes...))
	})
}

// What cannot be read is no reason not to start.
func TestADamagedAddressBookIsBegunAnew(t *testing.T) {
	n := alone(t, onSockets)
	port := portOf(n)
	shut(t, n)
	path := filepath.Join(n.cfg.Data, datadir.Addresses)
	if err := os.WriteFile(path, []byte(`{"ports":{"127.0.0.1:0":99999}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	occupy(t, port)
	n = reopen(t, n)
	if got := n.addresses.Of(shoal.NodeID("x")); got != nil || portOf(n) == port {
		t.Errorf("it has %v, at %s", got, portOf(n))
	}
}
