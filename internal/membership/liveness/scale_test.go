package liveness_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"shoal/internal/membership/liveness"
)

var sizes = flag.String("liveness.sizes", "70", "how many nodes TestScale simulates, several with commas between")

// overhead is what is around a message on a stream: a TLS 1.3 record (29), a
// yamux header (12), IPv4 and TCP headers with timestamps (52).
const overhead = 29 + 12 + 52

// The bars of issue 3, section 6.
const (
	maxSpread = 10 * time.Second // from the detector's bound to the last who knows
	maxRate   = 2048             // bytes sent by a node each second, all told
)

// scale is a world of which only figures are taken.
type scale struct {
	*world
	bytes, messages int
	knows           map[int]time.Duration // when each called the victim down
	told            map[int]time.Duration // when each heard what the speaker says
	victim, speaker *node
}

// newScale starts n nodes that know each other, as after a long time.
func newScale(t testing.TB, n int) *scale {
	w := newWorld(t, n, uint64(n), liveness.Config{})
	w.wire = false
	s := &scale{world: w, knows: map[int]time.Duration{}, told: map[int]time.Duration{}}
	w.startAll()
	statements := make([]*liveness.Statement, n)
	for i, node := range w.nodes {
		statements[i] = w.statement(node, w.nodes[(i+1)%n])
	}
	for i, node := range w.nodes {
		for part := range slices.Chunk(statements, liveness.MaxStatements) {
			w.hand(node, liveness.Heard{From: w.nodes[(i+1)%n].id, Message: &liveness.Message{Flags: liveness.Compared, Statements: part}})
		}
	}
	w.watch = func(at *node, a liveness.Action) { s.note(at, a) }
	w.count = func(_ *node, m *liveness.Message) {
		s.messages++
		s.bytes += m.Size() + overhead
	}
	return s
}

// statement is what a node says of itself to a peer that it meets.
func (w *world) statement(n, peer *node) *liveness.Statement {
	at := w.Now() + n.offset
	for _, a := range n.detector.Step(at, liveness.Connected{Peer: peer.id}) {
		if send, ok := a.(liveness.Send); ok {
			n.detector.Step(at, liveness.Lost{Peer: peer.id})
			return send.Message.Statements[0]
		}
	}
	w.t.Fatalf("%s does not greet", n.id)
	return nil
}

func (s *scale) note(at *node, a liveness.Action) {
	switch a := a.(type) {
	case liveness.Changed:
		if s.victim != nil && a.Member.Node == s.victim.id && a.Member.State == liveness.Down {
			s.knows[at.index] = s.Now()
		}
	case liveness.Told:
		if s.speaker != nil && a.Member.Node == s.speaker.id && a.Member.Own.Full {
			s.told[at.index] = s.Now()
		}
	}
}

// rate lets time pass and gives bytes and messages a second that a node sent.
func (s *scale) rate(d time.Duration) (bytes, messages float64) {
	s.bytes, s.messages = 0, 0
	s.Run(d)
	per := d.Seconds() * float64(len(s.nodes))
	return float64(s.bytes) / per, float64(s.messages) / per
}

// until runs until all but those who are not up have a time, or too long; it
// gives the last.
func (s *scale) until(times map[int]time.Duration, want int) time.Duration {
	began := s.Now()
	for len(times) < want && s.Now()-began < 5*time.Minute {
		s.Run(100 * time.Millisecond)
	}
	if len(times) < want {
		s.t.Errorf("only %d of %d know after %v", len(times), want, s.Now()-began)
	}
	var last time.Duration
	for _, at := range times {
		last = max(last, at-began)
	}
	return last
}

// TestScale measures shoals of the sizes in -liveness.sizes; docs/scale.md says
// how to run it and what came out.
func TestScale(t *testing.T) {
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			t.Log(measure(t, n))
		})
	}
}

// measure gives a row of the table in docs/scale.md.
func measure(t *testing.T, n int) string {
	s := newScale(t, n)
	s.Run(60 * time.Second)
	idle, messages := s.rate(30 * time.Second)

	s.speaker = s.nodes[n/3]
	s.hand(s.speaker, liveness.Say{Own: liveness.Own{Full: true, Free: 1 << 40, Digest: make([]byte, liveness.MaxDigest)}})
	said := s.until(s.told, n-1)
	s.Run(20 * time.Second)

	s.victim = s.nodes[n/2]
	s.unplug(s.victim)
	s.bytes = 0
	silent := s.until(s.knows, n-1)
	during := float64(s.bytes) / silent.Seconds() / float64(n)
	s.Run(30 * time.Second)

	clear(s.knows)
	s.victim = s.nodes[n/4]
	s.kill(s.victim)
	killed := s.until(s.knows, n-2)

	s.Run(30 * time.Second)
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		for range max(1, n/100) {
			s.say(s.nodes[random.IntN(n)], random.Uint64())
		}
		s.Run(time.Second)
	}
	busy, _ := s.rate(10 * time.Second)

	bound := liveness.DefaultDown + liveness.DefaultInterval
	if late := silent - bound; late > maxSpread {
		t.Errorf("%d nodes: a death is known to all %v after the detector's bound, want at most %v", n, late, maxSpread)
	}
	if n > liveness.DefaultFullMesh && idle > maxRate {
		t.Errorf("%d nodes: %.0f B/s when idle, want at most %d", n, idle, maxRate)
	}
	return fmt.Sprintf("| %d | %.1f | %.0f | %.0f | %.1f s | %.1f s | %.1f s | %.0f |", n, messages, idle, during, silent.Seconds(), killed.Seconds(), said.Seconds(), busy)
}

func (s *scale) say(n *node, free uint64) {
	if n.up {
		s.hand(n, liveness.Say{Own: liveness.Own{Free: free % (1 << 40), Digest: make([]byte, liveness.MaxDigest)}})
	}
}
