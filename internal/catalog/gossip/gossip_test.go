package gossip_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/record"
)

// ring connects each node with the next.
func (w *world) ring() {
	for i, n := range w.nodes {
		w.connect(n, w.nodes[(i+1)%len(w.nodes)])
	}
}

// all reports whether all nodes have what all have said.
func (w *world) all() bool {
	for _, n := range w.nodes {
		for _, author := range w.nodes {
			if n.has[author.id] != author.has[author.id] {
				return false
			}
		}
	}
	return true
}

// Whatever was said where, and whichever streams broke meanwhile, all have all
// some time after the streams hold.
func TestAllHearAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rapid.IntRange(2, 6).Draw(rt, "nodes"), rapid.Uint64().Draw(rt, "seed"))
		one := rapid.Custom(func(rt *rapid.T) *node { return rapid.SampledFrom(w.nodes).Draw(rt, "node") })
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				one.Draw(rt, "speaker").say()
			case 1:
				w.connect(one.Draw(rt, "from"), one.Draw(rt, "to"))
			case 2:
				w.cut(one.Draw(rt, "from"), one.Draw(rt, "to"))
			default:
				w.Run(time.Duration(rapid.IntRange(0, 5000).Draw(rt, "ms")) * time.Millisecond)
			}
		}
		w.ring()
		w.Run(gossip.DigestEvery + time.Duration(len(w.nodes))*(gossip.HaveDelay+gossip.Patience))
		if !w.all() {
			rt.Fatal("not all have all")
		}
	})
}

// What a node says is with those it is connected to at once.
func TestAuthorsPush(t *testing.T) {
	w := newWorld(t, 3, 1)
	w.ring()
	w.Run(time.Second)
	w.nodes[0].say()
	w.Run(delay)
	if !w.all() {
		t.Error("not all have what was said a moment ago")
	}
}

// What a newcomer lacks comes once, although all its peers have it.
func TestNewcomerIsGivenOnce(t *testing.T) {
	w := newWorld(t, 6, 1)
	w.nodes[0].grow(w.nodes[0].id, 1000)
	newcomer := w.nodes[5]
	for i, n := range w.nodes[:5] {
		w.connect(n, w.nodes[(i+1)%5])
	}
	w.Run(time.Minute)
	var given uint64
	w.sent = func(_ *node, _ any, batches uint64) { given += batches }
	for _, n := range w.nodes[1:5] { // without the author, who would push
		w.connect(n, newcomer)
	}
	w.Run(gossip.DigestEvery)
	if newcomer.has[w.nodes[0].id] != 1000 || given != 1000 {
		t.Errorf("the newcomer has %d batches and was given %d, want 1000 and 1000", newcomer.has[w.nodes[0].id], given)
	}
}

// A peer that announces and never gives holds nobody up for longer than Patience.
func TestSilentPeer(t *testing.T) {
	w := newWorld(t, 4, 1)
	author, silent, honest, asker := w.nodes[0], w.nodes[1], w.nodes[2], w.nodes[3]
	author.say()
	w.connect(author, silent)
	w.connect(author, honest)
	w.Run(time.Second)
	w.connect(silent, asker)
	w.Run(delay)
	silent.link(asker).arrives = w.time().Add(time.Hour) // its stream has stopped
	silent.link(asker).session.HearHave(nil)
	asker.link(silent).session.HearHave(gossip.Have{author.id: 1})
	asker.speak()
	w.connect(honest, asker)
	w.Run(gossip.Patience + gossip.HaveDelay)
	if asker.has[author.id] != 1 {
		t.Error("nobody else was asked")
	}
}

// Nor does one that announces again and again what it never gives.
func TestBoastfulPeer(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, 4, seed)
		author, boaster, honest, asker := w.nodes[0], w.nodes[1], w.nodes[2], w.nodes[3]
		author.say()
		w.connect(author, honest)
		w.Run(time.Second)
		w.connect(boaster, asker)
		w.Run(delay)
		for tick := time.Duration(0); tick < 3*gossip.Patience; tick += 10 * time.Millisecond {
			asker.link(boaster).session.HearHave(gossip.Have{author.id: 1 << 40})
			asker.link(boaster).speak()
			w.connect(honest, asker)
			w.Run(10 * time.Millisecond)
		}
		if asker.has[author.id] != 1 {
			t.Errorf("seed %d: nobody else was asked", seed)
		}
	}
}

// What may not be taken yet is asked for again until it may.
func TestPutOffIsAskedForAgain(t *testing.T) {
	w := newWorld(t, 2, 1)
	w.refuse = func(*node, shoal.NodeID) bool { return true }
	w.nodes[0].say()
	w.ring()
	w.Run(time.Minute)
	w.refuse = func(*node, shoal.NodeID) bool { return false }
	w.Run(gossip.DigestEvery + gossip.HaveDelay)
	if !w.all() {
		t.Error("not all have all")
	}
}

// It is asked for at once when the word comes by which it may be taken.
func TestAdmitted(t *testing.T) {
	w := newWorld(t, 3, 1)
	refused := true
	w.refuse = func(_ *node, author shoal.NodeID) bool { return refused && author == w.nodes[0].id }
	w.nodes[0].say()
	w.ring()
	w.Run(5 * time.Second)
	refused = false
	for _, n := range w.nodes {
		n.gossip.Admitted()
		n.speak()
	}
	w.Run(3 * delay)
	if !w.all() {
		t.Error("not all have all")
	}
}

// A peer that speaks of authors without end does not fill this node's memory,
// and what it asks of authors nobody has heard is not answered.
func TestInventedAuthors(t *testing.T) {
	w := newWorld(t, 2, 1)
	w.ring()
	w.Run(time.Second)
	session := w.nodes[0].link(w.nodes[1]).session
	session.HearWant(gossip.Want{"nobody": 1})
	if said, err := session.Next(w.time()); said != nil || err != nil {
		t.Errorf("said %v, %v, want nothing", said, err)
	}
	invented := gossip.Have{}
	for i := range 2 * record.MaxAuthors {
		invented[shoal.NodeID(fmt.Sprint("nobody ", i))] = 1
	}
	session.HearHave(invented)
	said, err := session.Next(w.time())
	if want, ok := said.(gossip.Want); err != nil || !ok || len(want) > record.MaxAuthors {
		t.Errorf("asked for %d authors, %v, want at most %d", len(want), err, record.MaxAuthors)
	}
}

// A node whose journal went back, as after a restore from a backup, is not sure
// of itself before it has heard what it said since.
func TestRestored(t *testing.T) {
	w := newWorld(t, 3, 1)
	a := w.nodes[0]
	if met, sure := a.gossip.Own(); met != 0 || !sure {
		t.Errorf("alone: %d met, sure %v", met, sure)
	}
	w.ring()
	if met, sure := a.gossip.Own(); met != 0 || sure {
		t.Errorf("before anyone spoke: %d met, sure %v", met, sure)
	}
	a.say()
	a.say()
	w.Run(time.Second)
	w.cut(a, w.nodes[1])
	w.cut(a, w.nodes[2])
	a.has, a.hash = record.Vector{}, [32]byte{}
	w.connect(a, w.nodes[1])
	for a.has[a.id] < 2 {
		if met, sure := a.gossip.Own(); sure || met > 1 {
			t.Fatalf("with %d of its batches: %d met, sure %v", a.has[a.id], met, sure)
		}
		w.Run(time.Millisecond)
	}
	if met, sure := a.gossip.Own(); met != 1 || !sure {
		t.Errorf("in the end: %d met, sure %v", met, sure)
	}
}

// A peer that was restored asks how far it had come. News that come to this node
// before the question are no answer: they leave out what the peer has forgotten.
func TestNewsIsNoAnswer(t *testing.T) {
	w := newWorld(t, 2, 1)
	restored, other := w.nodes[0], w.nodes[1]
	other.has[restored.id] = 2
	s := other.gossip.Meet(w.time())
	other.grow("third", 1)
	later := w.time().Add(gossip.HaveDelay)
	for {
		said, err := s.Next(later)
		if err != nil {
			t.Fatal(err)
		}
		if said == nil {
			break
		}
		if have, ok := said.(gossip.Have); ok {
			t.Fatalf("before it was asked it says %v", have)
		}
	}
	if wake := s.Wake(); !wake.After(later) {
		t.Errorf("it would be woken at once, again and again")
	}
	if err := s.HearDigest(gossip.Digest{1}); err != nil {
		t.Fatal(err)
	}
	said, err := s.Next(later)
	if have, ok := said.(gossip.Have); err != nil || !ok || have[restored.id] != 2 || have["third"] != 1 {
		t.Errorf("when asked it says %v, %v", said, err)
	}
}
