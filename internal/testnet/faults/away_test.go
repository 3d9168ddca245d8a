package faults

import (
	"errors"
	"os"
	"testing"
	"time"
)

const sampleSize = 16 << 20

// TestRollingRestartCopiesNothing: each node in turn is away for less than the
// delay; nobody makes a copy of what it has.
func TestRollingRestartCopiesNothing(t *testing.T) {
	t.Parallel()
	s := found(t, 4)
	path := s.sample("sample", sampleSize)
	id := s.add(s.nodes[0], path, "--wait", "safe")
	s.awaitSafe(s.nodes...)
	before := s.stored(s.nodes...)
	for i, node := range s.nodes {
		s.check(node.Stop())
		s.again(s.nodes[i : i+1])
		s.awaitAll(s.nodes...)
		s.awaitSafe(s.nodes...)
		if after := s.stored(s.nodes...); grown(before, after) {
			t.Fatalf("after %s was away %d bytes are stored, before %d", node.Name, after, before)
		}
	}
	s.sees(s.nodes[3], id, path)
}

// TestFrozenNodeCostsNothing: a process that stands still is called down, goes
// on within the delay, and has all it had; no byte was copied.
func TestFrozenNodeCostsNothing(t *testing.T) {
	t.Parallel()
	s := found(t, 4)
	path := s.sample("sample", sampleSize)
	id := s.add(s.nodes[0], path, "--wait", "safe")
	s.awaitSafe(s.nodes...)
	before := s.stored(s.nodes...)
	frozen, awake := s.nodes[3], s.nodes[:3]
	s.check(frozen.Freeze())
	for _, node := range awake {
		s.until(node.Name+" sees that d is down", func() bool { return s.health(node, frozen) == "down" })
	}
	thaw := time.Now().Add(10 * time.Second)
	s.until("the freeze has lasted", func() bool { return grown(before, s.stored(awake...)) || time.Now().After(thaw) })
	s.check(frozen.Thaw())
	s.awaitAll(s.nodes...)
	s.awaitSafe(s.nodes...)
	if after := s.stored(s.nodes...); grown(before, after) {
		t.Fatalf("after the freeze %d bytes are stored, before %d", after, before)
	}
	s.sees(frozen, id, path)
}

// grown reports whether a node has more than before. Less it may have: what is
// surplus goes in time.
func grown(before, after []int64) bool {
	for i := range after {
		if after[i] > before[i] {
			return true
		}
	}
	return false
}

// TestWipedNodeRejoins: a machine loses its disk and comes back as a new node.
func TestWipedNodeRejoins(t *testing.T) {
	t.Parallel()
	s := found(t, 3, "--repair-delay", "0s")
	path := s.sample("sample", sampleSize)
	id := s.add(s.nodes[0], path, "--wait", "safe")
	s.awaitSafe(s.nodes...)
	lost := s.nodes[2]
	s.check(errors.Join(lost.Kill(), os.RemoveAll(lost.Data)))
	back, err := s.net.Join(t.Context(), s.nodes[0], "member", lost.Name, "--repair-delay", "0s")
	s.check(err)
	if back.ID == lost.ID {
		t.Fatal("the wiped node has its old identity")
	}
	s.nodes[2] = back
	s.awaitAll(s.nodes...)
	s.until("a sees that the lost one is down", func() bool { return s.health(s.nodes[0], lost) == "down" })
	s.awaitSafe(s.nodes...)
	s.sees(back, id, path)
}
