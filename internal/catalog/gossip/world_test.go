package gossip_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/record"
	"shoal/internal/testnet/vtime"
)

// world is nodes that speak with each other in virtual time: one queue of what
// happens when, and one seed for all that is left to chance.
type world struct {
	vtime.Clock
	t      testing.TB
	random *rand.Rand
	nodes  []*node
	sent   func(from *node, message any, batches uint64)
	took   func(at *node, author shoal.NodeID, before, after uint64)
	refuse func(at *node, author shoal.NodeID) bool // batches that may not be taken yet
}

// delay is the most that a message takes; the least is a tenth.
const delay = 50 * time.Millisecond

// node has of each author all up to a number.
type node struct {
	world  *world
	id     shoal.NodeID
	gossip *gossip.Node
	has    record.Vector
	hash   [32]byte // of what it has, whatever the order it came in
	links  []*link
}

// link is a node's end of a stream.
type link struct {
	at, to  *node
	back    *link
	session *gossip.Session
	arrives time.Time // when the last message does: a stream keeps the order
	wakes   time.Time // the next time it is woken
}

// gift is some of a Give, as it goes on the wire.
type gift struct {
	gossip.Part
	upto uint64
}

func newWorld(t testing.TB, n int, seed uint64) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)),
		sent:   func(*node, any, uint64) {},
		took:   func(*node, shoal.NodeID, uint64, uint64) {},
		refuse: func(*node, shoal.NodeID) bool { return false },
	}
	for i := range n {
		one := &node{world: w, id: shoal.NodeID(fmt.Sprintf("node-%04d", i)), has: record.Vector{}}
		one.gossip = gossip.New(one.id, one)
		w.nodes = append(w.nodes, one)
	}
	return w
}

// time is the time that the sessions are told.
func (w *world) time() time.Time { return time.Unix(0, 0).Add(w.Now()) }

// connect opens a stream between two nodes, if there is none.
func (w *world) connect(a, b *node) {
	if a == b || a.link(b) != nil {
		return
	}
	there := &link{at: a, to: b, session: a.gossip.Meet(w.time())}
	back := &link{at: b, to: a, session: b.gossip.Meet(w.time())}
	there.back, back.back = back, there
	a.links, b.links = append(a.links, there), append(b.links, back)
	there.speak()
	back.speak()
}

// cut ends the stream between two nodes; what is on its way is lost.
func (w *world) cut(a, b *node) {
	for _, end := range [][2]*node{{a, b}, {b, a}} {
		if l := end[0].link(end[1]); l != nil {
			l.session.End()
			l.session = nil
			end[0].links = slices.DeleteFunc(end[0].links, func(other *link) bool { return other == l })
			end[0].speak()
		}
	}
}

func (n *node) link(to *node) *link {
	i := slices.IndexFunc(n.links, func(l *link) bool { return l.to == to })
	if i < 0 {
		return nil
	}
	return n.links[i]
}

// say has a node say something new.
func (n *node) say() { n.grow(n.id, n.has[n.id]+1) }

func (n *node) grow(author shoal.NodeID, upto uint64) {
	for seq := n.has[author] + 1; seq <= upto; seq++ {
		hash := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(author), seq))
		for i := range n.hash {
			n.hash[i] ^= hash[i]
		}
	}
	n.world.took(n, author, n.has[author], upto)
	n.has[author] = upto
	n.gossip.Grew(n.world.time(), author)
	n.speak()
}

func (n *node) speak() {
	for _, l := range n.links {
		l.speak()
	}
}

// speak says all there is to say on a stream, and sees to it that it is asked
// again when there may be more.
func (l *link) speak() {
	w := l.at.world
	for said := 0; l.session != nil; said++ {
		message, err := l.session.Next(w.time())
		if said > mostSaid {
			w.t.Fatalf("it says more and more: %v", message)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if message == nil {
			break
		}
		l.send(message)
	}
	if l.session == nil {
		return
	}
	if wake := l.session.Wake(); l.wakes.Before(w.time()) || wake.Before(l.wakes) {
		l.wakes = wake
		w.After(wake.Sub(w.time()), l.speak)
	}
}

// mostSaid is more than there ever is to say at one moment: of each kind of
// message one, and what those bring up.
const mostSaid = 20

// send puts a message on its way. What is given goes in as many as it takes.
func (l *link) send(message any) {
	give, ok := message.(gossip.Give)
	if !ok {
		l.post(message, 0)
		return
	}
	var gifts []gift
	room := uint64(frameBatches)
	for _, part := range give {
		for upto := l.at.has[part.Author]; part.After < upto; {
			some := min(room, upto-part.After)
			gifts = append(gifts, gift{part, part.After + some})
			part.After += some
			if room -= some; room == 0 {
				l.post(gifts, frameBatches)
				gifts, room = nil, frameBatches
			}
		}
		l.session.Gave(part.Author, l.at.has[part.Author])
	}
	if len(gifts) > 0 {
		l.post(gifts, frameBatches-room)
	}
}

// frameBatches is how many batches fit into a message.
const frameBatches = 100

// post puts one message on its way.
func (l *link) post(message any, batches uint64) {
	w := l.at.world
	w.sent(l.at, message, batches)
	if at := w.time().Add(delay/10 + time.Duration(w.random.Int64N(int64(delay*9/10)))); at.After(l.arrives) {
		l.arrives = at
	}
	w.After(l.arrives.Sub(w.time()), func() { l.back.hear(message) })
}

// hear takes in a message.
func (l *link) hear(message any) {
	if l.session == nil {
		return
	}
	switch message := message.(type) {
	case gossip.Digest:
		if err := l.session.HearDigest(message); err != nil {
			l.at.world.t.Fatal(err)
		}
	case gossip.Have:
		l.session.HearHave(message)
	case gossip.Want:
		l.session.HearWant(message)
	case []gift:
		for _, g := range message {
			l.take(g)
		}
		l.at.speak()
	}
	l.speak()
}

// take takes in what was given, unless something before it is missing or it may
// not be taken.
func (l *link) take(g gift) {
	n := l.at
	gap := g.After > n.has[g.Author]
	fresh := g.upto > n.has[g.Author] && !gap && !n.world.refuse(n, g.Author)
	if fresh {
		n.grow(g.Author, g.upto)
	}
	if l.session != nil {
		l.session.Took(n.world.time(), record.Vector{g.Author: g.upto}, fresh || gap, n.gossip.Admissions())
	}
}

// Upto, Vector and Digest are a node's gossip.Journal.
func (n *node) Upto(author shoal.NodeID) uint64 { return n.has[author] }

func (n *node) Vector() record.Vector { return maps.Clone(n.has) }

func (n *node) Digest() ([32]byte, error) { return n.hash, nil }
