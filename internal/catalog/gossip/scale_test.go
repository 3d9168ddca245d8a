package gossip_test

import (
	"bytes"
	"crypto/ed25519"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

var (
	sizes   = flag.String("gossip.sizes", "70", "how many nodes TestScale simulates, several with commas between")
	entries = flag.Int("gossip.entries", 500, "how many entries are said there")
)

// Each node watches eight others and is watched by eight, on as many rings: see
// members.DefaultWatchers. Up to members.DefaultFullMesh, all speak with all.
const (
	rings    = 8
	fullMesh = 64
)

// overhead is what is around a message on a stream: a TLS 1.3 record (29), a
// yamux header (12), IPv4 and TCP headers with timestamps (52).
const overhead = 29 + 12 + 52

// authorSize is what an author takes in a Have or Want.
const authorSize = ed25519.PublicKeySize + 8

// TestScale measures how news spreads in shoals of the sizes in -gossip.sizes;
// docs/scale.md says how to run it and what came out.
func TestScale(t *testing.T) {
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			t.Log(measure(t, n, *entries))
		})
	}
}

// scale is a world of which only figures are taken.
type scale struct {
	*world
	entry          int // bytes of a batch that is one entry
	bytes, batches uint64
	missing        int // batches that some node lacks, over all nodes
}

func newScale(t testing.TB, n int) *scale {
	s := &scale{world: newWorld(t, n, uint64(n)), entry: entrySize(t)}
	s.sent = s.count
	s.took = func(at *node, author shoal.NodeID, before, after uint64) {
		if at.id == author {
			s.missing += (n - 1) * int(after-before)
		} else {
			s.missing -= int(after - before)
		}
	}
	if n <= fullMesh {
		for _, a := range s.nodes {
			for _, b := range s.nodes {
				s.connect(a, b)
			}
		}
		return s
	}
	for range rings {
		ring := s.random.Perm(n)
		for i, at := range ring {
			s.connect(s.nodes[at], s.nodes[ring[(i+1)%n]])
		}
	}
	return s
}

// entrySize is what a batch takes that says a file of a name of 30 letters was
// added, as it is in a frame.
func entrySize(t testing.TB) int {
	const put = 2 + 30 + 1 + 32 + 8 + 1 + 1 + 8 // docs/spec/catalog.md
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	author := record.NodeOf(key.Public().(ed25519.PublicKey))
	data, err := record.Sign(author, key, record.Batch{Author: author, Seq: 1, Records: []record.Record{{Stamp: 1, Kind: record.KindPut, Body: make([]byte, put)}}})
	if err != nil {
		t.Fatal(err)
	}
	return wire.BatchSize(wire.Batch{Data: data})
}

func (s *scale) count(_ *node, message any, batches uint64) {
	size := wire.HeaderSize
	switch message := message.(type) {
	case gossip.Digest:
		size += wire.DigestSize
	case gossip.Have:
		size += 2 + len(message)*authorSize
	case gossip.Want:
		size += 2 + len(message)*authorSize
	default:
		size += int(batches) * s.entry
	}
	s.bytes += uint64(size + overhead)
	s.batches += batches
}

// rate lets time pass and gives the bytes a second that a node sent.
func (s *scale) rate(d time.Duration) float64 {
	s.bytes = 0
	s.Run(d)
	return float64(s.bytes) / d.Seconds() / float64(len(s.nodes))
}

// settle runs until all have all, and gives how long that took.
func (s *scale) settle() time.Duration {
	began := s.Now()
	for s.missing > 0 {
		if s.Now()-began > 5*time.Minute {
			s.t.Fatalf("%d batches are missing after %v", s.missing, s.Now()-began)
		}
		s.Run(100 * time.Millisecond)
	}
	return s.Now() - began
}

// measure gives a row of the table in docs/scale.md.
func measure(t *testing.T, n, entries int) string {
	s := newScale(t, n)
	s.Run(time.Minute)
	idle := s.rate(time.Minute)

	say := func(speaker func() *node, every time.Duration) (last time.Duration, sent, copies float64) {
		s.bytes, s.batches = 0, 0
		for range entries {
			speaker().say()
			s.Run(every)
		}
		last = s.settle()
		needed := float64(entries) * float64(n)
		sent, copies = float64(s.bytes)/needed, float64(s.batches)/needed
		s.Run(time.Minute)
		return last, sent, copies
	}
	one := s.nodes[n/3]
	bulk, bulkSent, bulkCopies := say(func() *node { return one }, 500*time.Microsecond)
	many, manySent, manyCopies := say(func() *node { return s.nodes[s.random.IntN(n)] }, 10*time.Millisecond)
	if s.missing != 0 || bulkCopies > 2 || manyCopies > 2 {
		t.Errorf("%d nodes: each entry came to each %.2f and %.2f times, want at most 2", n, bulkCopies, manyCopies)
	}
	return fmt.Sprintf("| %d | %.0f | %.1f s | %.0f | %.2f | %.1f s | %.0f | %.2f |",
		n, idle, bulk.Seconds(), bulkSent, bulkCopies, many.Seconds(), manySent, manyCopies)
}
