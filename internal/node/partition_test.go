package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/network"
	"shoal/internal/network/memnet"
)

// world is whole nodes on a network that can be cut in two.
type world struct {
	*testing.T
	net   *memnet.Net
	nodes []*Node
	bytes map[string][]byte // of each file, by the name it was last given
	count int               // of files that were ever added
}

// linkDelay is how long every byte is under way.
const linkDelay = 5 * time.Millisecond

// patience is how long something may take to come about, on the world's clock.
const patience = 5 * time.Minute

// await waits until something is so.
func (w *world) await(what string, so func() bool) {
	w.Helper()
	for limit := time.Now().Add(patience); !so(); {
		if time.Now().After(limit) {
			w.Fatalf("in %v it did not come about that %s: %s", patience, what, w.sentences())
		}
		<-time.After(100 * time.Millisecond)
	}
}

// sentences is what the nodes say of their files.
func (w *world) sentences() string {
	var b strings.Builder
	for _, n := range w.nodes {
		v, err := n.reconciler.safety(w.Context())
		fmt.Fprintf(&b, "\n%s: %v %s %v", n.cfg.Name, v.State, v.Text, err)
	}
	return b.String()
}

// newWorld has five nodes of one shoal, changed as it is told.
func newWorld(t *testing.T, changes ...func(*Config)) *world {
	w := &world{T: t, net: memnet.New(1), bytes: make(map[string][]byte)}
	w.nodes = together(t, 5, func(c *Config) {
		name := c.Name
		for _, change := range changes {
			change(c)
		}
		c.network = func(key ed25519.PrivateKey) (network.Host, error) { return w.net.HostOf(name, key), nil }
	})
	w.shape(w.nodes, w.nodes, memnet.Link{Delay: linkDelay})
	w.await("all see all", w.whole)
	return w
}

// whole reports whether everybody finds that everybody is up.
func (w *world) whole() bool { return w.apart(w.nodes) }

// apart reports whether each node finds that just those of its own side are up.
func (w *world) apart(sides ...[]*Node) bool {
	for _, side := range sides {
		for _, n := range side {
			for _, m := range n.beats.Members() {
				want := liveness.Down
				if slices.ContainsFunc(side, func(other *Node) bool { return other.self() == m.Node }) {
					want = liveness.Alive
				}
				if m.State != want {
					return false
				}
			}
		}
	}
	return true
}

// shape makes the links between the two sides as link says.
func (w *world) shape(left, right []*Node, link memnet.Link) {
	for _, a := range left {
		for _, b := range right {
			w.net.Shape(a.host, b.host, link)
			w.net.Shape(b.host, a.host, link)
		}
	}
}

// sever breaks the connections between them.
func (w *world) sever(left, right []*Node) {
	for _, a := range left {
		for _, b := range right {
			w.net.Cut(a.host, b.host)
		}
	}
}

// put has a node add a file: to its own disk at first, for the smaller half makes
// no copies. Of three one is always in the larger half.
func (w *world) put(n *Node, name string) {
	w.Helper()
	w.count++
	path, data := write(w.T, byte(w.count), 50_000+w.count*40_000)
	err := n.Add(w.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: name}}, Copies: 3, Wait: shoal.WaitLocal}, nil)
	if err != nil {
		w.Fatal(err)
	}
	w.bytes[name] = data
}

func (w *world) rename(n *Node, from, to string) {
	w.Helper()
	if _, err := n.Move(w.Context(), shoal.MoveRequest{Ref: from, Name: to}); err != nil {
		w.Fatal(err)
	}
	w.bytes[to] = w.bytes[from]
	delete(w.bytes, from)
}

func (w *world) remove(n *Node, name string) {
	w.Helper()
	if _, err := n.Remove(w.Context(), shoal.RemoveRequest{Ref: name}); err != nil {
		w.Fatal(err)
	}
}

// names is all names that a node knows.
func (w *world) names(n *Node) (names []string) {
	entries, err := n.List(w.Context(), shoal.ListRequest{})
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// alike reports whether all nodes know the same names, so many.
func (w *world) alike(count int) func() bool {
	return func() bool {
		first := w.names(w.nodes[0])
		return len(first) == count && !slices.ContainsFunc(w.nodes[1:], func(n *Node) bool { return !slices.Equal(w.names(n), first) })
	}
}

// reads has a node read a file.
func (w *world) reads(n *Node, name string) []byte {
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	got, err := read(ctx, n, name)
	if err != nil {
		w.Errorf("read %s at %s: %v", name, n.cfg.Name, err)
	}
	return got
}

// live is how a shoal that is in two lives on: on both sides files come, go and
// get other names, and one name is given on both.
func (w *world) live(left, right []*Node) {
	w.put(left[0], "left/0")
	w.put(left[1], "left/1")
	w.put(right[0], "right/0")
	w.put(right[2], "right/2")
	w.rename(left[0], "before/0", "left/moved")
	w.rename(right[1], "before/1", "right/moved")
	w.remove(left[1], "before/2")
	w.remove(right[0], "before/3")
	w.remove(left[0], "before/4") // and on the other side somebody keeps it
	w.rename(right[1], "before/4", "right/kept")
	for side, n := range map[string]*Node{"left": left[1], "right": right[1]} {
		w.put(n, "same")
		w.bytes["same, "+side] = w.bytes["same"]
	}
}

// cut is how a shoal is cut in two, and for how long after both sides have noticed.
type cut struct {
	connections broken
	lasts       time.Duration
}

// broken is whether the connections break, or are silent and still there when
// the sides meet again. Silent ones do not last: yamux and QUIC end them within a
// minute.
type broken bool

// A shoal is cut in two, both halves go on, and they meet again: nothing is lost
// that either was given. All of it is real but the network and the clock.
func TestBothHalvesOfAPartitionAreKept(t *testing.T) {
	for name, c := range map[string]cut{
		"silence":            {false, 0},
		"broken connections": {true, 0},
		"a long break":       {true, 20 * time.Minute}, // so that surplus copies are deleted
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { partition(t, c) })
		})
	}
}

func partition(t *testing.T, c cut) {
	w := newWorld(t)
	for i, n := range w.nodes {
		w.put(n, fmt.Sprintf("before/%d", i))
	}
	w.await("all is safe", safe(t, w.nodes...))
	w.await("all know all names", w.alike(5))

	left, right := w.nodes[:2], w.nodes[2:]
	w.shape(left, right, memnet.Link{Delay: linkDelay, Down: true})
	if c.connections {
		w.sever(left, right)
	}
	w.await("each half knows that the other is gone", func() bool { return w.apart(left, right) })
	w.live(left, right)
	w.await("the larger half is safe", safe(t, right...))
	if safe(t, left...)() {
		t.Error("the smaller half, which copies nothing, says that all is safe")
	}
	<-time.After(c.lasts)

	began := time.Now()
	w.shape(left, right, memnet.Link{Delay: linkDelay})
	w.await("nobody is down", w.whole)
	t.Logf("nobody is down %v after the halves met", time.Since(began).Round(time.Millisecond))
	w.await("all know the same names", w.alike(9))
	w.await("all is safe again", safe(t, w.nodes...))
	t.Logf("all is safe after %v", time.Since(began).Round(time.Millisecond))
	w.check()
}

// check reads every file at every node.
func (w *world) check() {
	names := w.names(w.nodes[0])
	clash := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, "same") })
	if len(clash) != 2 || clash[0] != "same" || !strings.Contains(clash[1], "(conflict ") {
		w.Fatalf("the clashing name is there as %q", clash)
	}
	want := []string{"left/0", "left/1", "left/moved", "right/0", "right/2", "right/kept", "right/moved", clash[0], clash[1]}
	if diff := cmp.Diff(want, names); diff != "" {
		w.Errorf("other names (-want +got):\n%s", diff)
	}
	for _, n := range w.nodes {
		for _, name := range want[:7] {
			if got := w.reads(n, name); !bytes.Equal(got, w.bytes[name]) {
				w.Errorf("%s at %s has other bytes, %d of them", name, n.cfg.Name, len(got))
			}
		}
		ours, theirs := w.reads(n, clash[0]), w.reads(n, clash[1])
		if bytes.Equal(ours, w.bytes["same, left"]) {
			ours, theirs = theirs, ours
		}
		if !bytes.Equal(ours, w.bytes["same, right"]) || !bytes.Equal(theirs, w.bytes["same, left"]) {
			w.Errorf("at %s the two versions of the clashing name are not those of the two halves", n.cfg.Name)
		}
	}
}
