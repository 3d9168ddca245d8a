// Package faults has real processes die, freeze, part and come back, and looks
// whether their shoal keeps what it was given.
//
// It has tests alone. What needs thousands of runs is in testnet/sim.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shoal/internal/testnet"
)

// binaryVariable tells the tests where TestMain has built shoal.
const binaryVariable = "SHOAL_FAULTS_BINARY"

const (
	patience = 40 * time.Second // for what the nodes come to by themselves
	glance   = 200 * time.Millisecond
)

// atOnce is how many tests run at once, if -parallel does not say otherwise: they
// mostly wait for nodes, and two cores run more than two.
const atOnce = "4"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err) // there is no such flag
	}
	os.Exit(run(m))
}

// run builds the program once for all tests.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "shoal-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "shoal")
	if out, err := exec.Command("go", "build", "-o", binary, "shoal/cmd/shoal").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build shoal: %v: %s", err, out)
		return 1
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		return 1
	}
	return m.Run()
}

// school is a shoal under test: its nodes are a, b, c and so on.
type school struct {
	*testing.T
	net   *testnet.Net
	nodes []*testnet.Node
}

// found has so many nodes found a shoal, and waits until all know all.
func found(t *testing.T, size int, args ...string) *school {
	t.Helper()
	s := &school{T: t, net: testnet.New(os.Getenv(binaryVariable), filepath.Join(t.TempDir(), "nodes"))}
	t.Cleanup(func() { s.check(s.net.Close()) })
	s.nodes = []*testnet.Node{s.up("a", args...)}
	for i := range size - 1 {
		node, err := s.net.Join(t.Context(), s.nodes[0], "member", string(rune('b'+i)), args...)
		s.check(err)
		s.nodes = append(s.nodes, node)
	}
	s.awaitAll(s.nodes...)
	return s
}

func (s *school) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// up starts a node.
func (s *school) up(name string, args ...string) *testnet.Node {
	s.Helper()
	node, err := s.net.Start(s.Context(), name, args...)
	s.check(err)
	return node
}

// again starts nodes that have ended, where they were.
func (s *school) again(nodes []*testnet.Node) {
	s.Helper()
	for i, node := range nodes {
		back, err := s.net.Restart(s.Context(), node)
		s.check(err)
		nodes[i] = back
	}
	s.awaitAll(nodes...)
}

// until waits until something is so.
func (s *school) until(what string, so func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	for !so() {
		select {
		case <-time.After(glance):
		case <-ctx.Done():
			s.Fatalf("in %v it did not come about that %s: %s", patience, what, s.picture())
		}
	}
}

// picture is what every node that answers says of itself and of the others.
func (s *school) picture() string {
	var text strings.Builder
	for _, node := range s.nodes {
		for _, command := range []string{"status", "nodes"} {
			out, err := node.Run(context.WithoutCancel(s.Context()), command)
			fmt.Fprintf(&text, "\n%s %s: %s %v", node.Name, command, out, err)
		}
	}
	return text.String()
}

// awaitAll waits until each of these nodes sees all of them up.
func (s *school) awaitAll(nodes ...*testnet.Node) {
	s.Helper()
	for _, node := range nodes {
		for _, other := range nodes {
			s.until(node.Name+" sees that "+other.Name+" is up", func() bool {
				health := s.health(node, other)
				return health == "up" || health == "self"
			})
		}
	}
}

// health is what a node thinks of another.
func (s *school) health(node, other *testnet.Node) string {
	s.Helper()
	out, err := node.Run(s.Context(), "nodes", "--json")
	s.check(err)
	for line := range bytes.Lines(out) {
		var m struct{ ID, Health string }
		s.check(json.Unmarshal(line, &m))
		if m.ID == other.ID {
			return m.Health
		}
	}
	return "unknown"
}

// status is what of a node's status the tests need.
type status struct {
	Stored int64
	Safety struct{ State string }
}

func (s *school) status(node *testnet.Node) (now status) {
	s.Helper()
	out, err := node.Run(s.Context(), "status", "--json")
	s.check(err)
	s.check(json.NewDecoder(bytes.NewReader(out)).Decode(&now))
	return now
}

// awaitSafe waits until each node says that all is safe.
func (s *school) awaitSafe(nodes ...*testnet.Node) {
	s.Helper()
	for _, node := range nodes {
		s.until(node.Name+" says that all is safe", func() bool { return s.status(node).Safety.State == "safe" })
	}
}

// stored is how many bytes these nodes have, each.
func (s *school) stored(nodes ...*testnet.Node) (sizes []int64) {
	s.Helper()
	for _, node := range nodes {
		sizes = append(sizes, s.status(node).Stored)
	}
	return sizes
}

// sample makes a file of random bytes.
func (s *school) sample(name string, size int64) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	s.check(testnet.WriteSample(s.Context(), path, size))
	return path
}

// add has a node add a file and returns the id.
func (s *school) add(node *testnet.Node, path string, args ...string) string {
	s.Helper()
	out, err := node.Run(s.Context(), append([]string{"add", "-q", path}, args...)...)
	s.check(err)
	return string(bytes.TrimSpace(out))
}

// sees has a node get a file, which must be the same as the one at path.
func (s *school) sees(node *testnet.Node, ref, path string) {
	s.Helper()
	output := filepath.Join(s.TempDir(), "out")
	_, err := node.Get(s.Context(), ref, output, nil)
	s.check(err)
	got, err := os.ReadFile(output)
	s.check(err)
	want, err := os.ReadFile(path)
	s.check(err)
	if !bytes.Equal(got, want) {
		s.Fatalf("%s got other bytes of %s", node.Name, ref)
	}
	s.check(os.Remove(output))
}
