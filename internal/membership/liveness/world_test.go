package liveness_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/testnet/vtime"
)

// world is a network of detectors in virtual time: one queue of what happens
// when, and one seed for all that is left to chance.
type world struct {
	vtime.Clock
	t      testing.TB
	random *rand.Rand
	nodes  []*node
	roster *liveness.Roster
	cfg    liveness.Config

	loss, twice float64       // shares of messages
	delay       time.Duration // most of one message; the least is a tenth
	blocked     map[[2]int]bool
	wire        bool           // messages go through the codec
	said        map[int]uint64 // the incarnation in each node's last message

	lie   func(from *node, m *liveness.Message) // changes what is sent
	watch func(at *node, a liveness.Action)
	count func(from *node, m *liveness.Message)
}

// node is one process and its machine.
type node struct {
	index    int
	id       shoal.NodeID
	detector *liveness.Detector
	life     uint64 // counts starts; a message or dial of an earlier life comes to nothing
	up       bool
	powered  bool // the machine answers, even if no process listens
	frozen   bool
	left     bool
	backlog  []liveness.Event
	offset   time.Duration // of its clock
	conns    map[int]bool
	own      liveness.Own
}

func newWorld(t testing.TB, n int, seed uint64, cfg liveness.Config) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), cfg: cfg, blocked: map[[2]int]bool{}, wire: true, said: map[int]uint64{}}
	var ids []shoal.NodeID
	for i := range n {
		ids = append(ids, shoal.NodeID(fmt.Sprintf("node-%04d-of-%d", i, seed)))
	}
	w.roster = liveness.NewRoster(ids)
	for i, id := range ids {
		w.nodes = append(w.nodes, &node{index: i, id: id, powered: true, conns: map[int]bool{}, offset: time.Duration(w.random.Int64N(int64(time.Hour)))})
	}
	w.delay = 50 * time.Millisecond
	w.watch = func(*node, liveness.Action) {}
	w.count = func(*node, *liveness.Message) {}
	w.lie = func(*node, *liveness.Message) {}
	return w
}

// start starts a node's process, with a memory of nothing but its incarnation.
func (w *world) start(n *node) {
	cfg := w.cfg
	n.life++
	cfg.Self, cfg.Keys, cfg.Incarnation = n.id, stampKeys{n.id}, n.life*1000
	cfg.Nonce, cfg.Seed = w.random.Uint64(), w.random.Uint64()
	d, err := liveness.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	n.detector, n.up, n.powered, n.left, n.own = d, true, true, false, liveness.Own{}
	w.step(n, w.roster)
	for _, i := range peersOf(n) { // what a power cut left behind is reset now
		w.cut(n.index, i, liveness.Reset)
	}
	w.tick(n, n.life, time.Duration(w.random.Int64N(int64(w.tickEvery()))))
}

func (w *world) startAll() {
	for _, n := range w.nodes {
		w.start(n)
	}
}

func (w *world) tickEvery() time.Duration {
	if w.cfg.Tick != 0 {
		return w.cfg.Tick
	}
	return liveness.DefaultInterval / 5
}

func (w *world) tick(n *node, life uint64, wait time.Duration) {
	w.After(wait, func() {
		if !n.up || n.life != life {
			return
		}
		if !n.frozen {
			w.step(n, liveness.Tick{})
		}
		w.tick(n, life, w.tickEvery())
	})
}

// hand gives a node an event, or keeps it until the node thaws.
func (w *world) hand(n *node, e liveness.Event) {
	switch {
	case !n.up:
	case n.frozen:
		n.backlog = append(n.backlog, e)
	default:
		w.step(n, e)
	}
}

func (w *world) step(n *node, e liveness.Event) {
	for _, action := range n.detector.Step(w.Now()+n.offset, e) {
		w.watch(n, action)
		switch a := action.(type) {
		case liveness.Send:
			w.send(n, w.node(a.To), a.Message)
		case liveness.Dial:
			w.dial(n, w.node(a.To))
		}
	}
}

func (w *world) node(id shoal.NodeID) *node {
	i, _ := slices.BinarySearchFunc(w.nodes, id, func(n *node, id shoal.NodeID) int {
		switch {
		case n.id < id:
			return -1
		case n.id > id:
			return 1
		}
		return 0
	})
	return w.nodes[i]
}

func (w *world) send(from, to *node, m *liveness.Message) {
	w.count(from, m)
	w.said[from.index] = m.Incarnation
	w.lie(from, m)
	if m.Size() > liveness.MaxMessage {
		w.t.Fatalf("a message of %d bytes", m.Size())
	}
	if w.wire {
		parsed, err := liveness.Parse(m.Append(nil))
		if err != nil {
			w.t.Fatalf("parse what was sent: %v", err)
		}
		m = parsed
	}
	times := 1
	if w.random.Float64() < w.twice {
		times = 2
	}
	for range times {
		if w.random.Float64() < w.loss {
			continue
		}
		life := to.life
		w.After(w.latency(), func() {
			if from.conns[to.index] && to.life == life && !w.blocked[[2]int{from.index, to.index}] {
				w.hand(to, liveness.Heard{From: from.id, Message: m})
			}
		})
	}
}

func (w *world) latency() time.Duration {
	return w.delay/10 + time.Duration(w.random.Int64N(int64(w.delay)))
}

func (w *world) severed(a, b int) bool {
	return w.blocked[[2]int{a, b}] || w.blocked[[2]int{b, a}]
}

func (w *world) dial(from, to *node) {
	life := from.life
	answer := func(wait time.Duration, outcome liveness.Outcome) {
		w.After(wait, func() {
			if from.life == life {
				w.hand(from, liveness.Dialled{Peer: to.id, Outcome: outcome})
			}
		})
	}
	switch {
	case !to.powered, to.frozen, w.severed(from.index, to.index):
		answer(3*time.Second, liveness.Unknown)
	case !to.up, to.left:
		answer(w.latency(), liveness.Refused)
	default:
		lives := from.life + to.life
		w.After(w.latency(), func() {
			if from.up && to.up && from.life+to.life == lives {
				w.connect(from, to)
				w.hand(from, liveness.Dialled{Peer: to.id, Outcome: liveness.Reached})
			}
		})
	}
}

func (w *world) connect(a, b *node) {
	if !a.conns[b.index] {
		a.conns[b.index], b.conns[a.index] = true, true
		w.hand(a, liveness.Connected{Peer: b.id})
		w.hand(b, liveness.Connected{Peer: a.id})
	}
}

// cut ends a connection; both ends that are there learn of it.
func (w *world) cut(a, b int, cause liveness.Cause) {
	delete(w.nodes[a].conns, b)
	delete(w.nodes[b].conns, a)
	for _, pair := range [][2]int{{a, b}, {b, a}} {
		at, peer := w.nodes[pair[0]], w.nodes[pair[1]]
		if at.up && !w.severed(a, b) {
			w.hand(at, liveness.Lost{Peer: peer.id, Cause: cause})
		}
	}
}

// kill ends the process; its machine resets the connections.
func (w *world) kill(n *node) {
	n.up, n.frozen, n.backlog = false, false, nil
	for _, i := range peersOf(n) {
		w.cut(n.index, i, liveness.Reset)
	}
}

// unplug ends the machine: nobody is told.
func (w *world) unplug(n *node) {
	n.up, n.powered, n.frozen, n.backlog = false, false, false, nil
}

func (w *world) thaw(n *node) {
	n.frozen = false
	backlog := n.backlog
	n.backlog = nil
	for _, e := range backlog {
		w.hand(n, e)
	}
}

func peersOf(n *node) []int {
	var peers []int
	for i := range n.conns {
		peers = append(peers, i)
	}
	slices.Sort(peers)
	return peers
}

// stampKeys stands in for signatures where forging is not the question: a
// hash of node and text.
type stampKeys struct{ self shoal.NodeID }

func (k stampKeys) Sign(text []byte) (sig [liveness.SigSize]byte) {
	h := fnv.New64a()
	h.Write([]byte(k.self))
	h.Write(text)
	h.Sum(sig[:0])
	return sig
}

func (k stampKeys) Verify(node shoal.NodeID, text []byte, sig [liveness.SigSize]byte) bool {
	return stampKeys{node}.Sign(text) == sig
}
