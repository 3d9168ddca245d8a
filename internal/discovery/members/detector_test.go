package members_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
	"time"

	"shoal"
	"shoal/internal/discovery/members"
)

// edKeys are real signatures: what a shell has.
type edKeys struct {
	private ed25519.PrivateKey
	public  map[shoal.NodeID]ed25519.PublicKey
}

func (k edKeys) Sign(text []byte) (sig [members.SigSize]byte) {
	copy(sig[:], ed25519.Sign(k.private, text))
	return sig
}

func (k edKeys) Verify(node shoal.NodeID, text []byte, sig [members.SigSize]byte) bool {
	public, ok := k.public[node]
	return ok && ed25519.Verify(public, text, sig[:])
}

// stage is one detector on a table, with others that the test plays.
type stage struct {
	t      *testing.T
	now    time.Duration
	ids    []shoal.NodeID
	keys   map[shoal.NodeID]edKeys
	d      *members.Detector
	played map[shoal.NodeID]*members.Detector
}

// newStage has the detector of a, in a shoal of n nodes: a, b, c...
func newStage(t *testing.T, n int) *stage {
	s := &stage{t: t, keys: map[shoal.NodeID]edKeys{}, played: map[shoal.NodeID]*members.Detector{}}
	public := map[shoal.NodeID]ed25519.PublicKey{}
	for i := range n {
		id := shoal.NodeID(rune('a' + i))
		private := ed25519.NewKeyFromSeed(slices.Repeat([]byte{byte(i)}, ed25519.SeedSize))
		public[id] = private.Public().(ed25519.PublicKey)
		s.keys[id] = edKeys{private, public}
		s.ids = append(s.ids, id)
	}
	s.d = s.detector("a", 1, 100)
	return s
}

func (s *stage) detector(id shoal.NodeID, incarnation, nonce uint64) *members.Detector {
	d, err := members.New(members.Config{Self: id, Keys: s.keys[id], Incarnation: incarnation, Nonce: nonce})
	if err != nil {
		s.t.Fatal(err)
	}
	d.Step(0, members.NewRoster(s.ids))
	return d
}

// play makes a peer whose messages the test sends: it is connected, and has
// said what it is.
func (s *stage) play(id shoal.NodeID) {
	s.played[id] = s.detector(id, 1, 200)
	s.d.Step(s.now, members.Connected{Peer: id})
	s.hear(id, s.greeting(id))
}

// greeting is what a played peer says to a new connection: its statement.
func (s *stage) greeting(id shoal.NodeID) *members.Message {
	for _, a := range s.played[id].Step(s.now, members.Connected{Peer: "a"}) {
		if send, ok := a.(members.Send); ok {
			return send.Message
		}
	}
	s.t.Fatalf("%s does not greet", id)
	return nil
}

func (s *stage) hear(from shoal.NodeID, m *members.Message) []members.Action {
	return s.d.Step(s.now, members.Heard{From: from, Message: m})
}

// pass lets time pass in ticks; those in speaking beat each interval.
func (s *stage) pass(d time.Duration, speaking ...shoal.NodeID) []members.Action {
	var actions []members.Action
	for until := s.now + d; s.now < until; {
		s.now += members.DefaultInterval / 5
		if s.now%members.DefaultInterval == 0 {
			for _, id := range speaking {
				actions = append(actions, s.hear(id, s.greeting(id))...)
			}
		}
		actions = append(actions, s.d.Step(s.now, members.Tick{})...)
	}
	return actions
}

func (s *stage) want(id shoal.NodeID, state members.State) {
	s.t.Helper()
	if m, ok := s.d.Member(id); !ok || m.State != state {
		s.t.Errorf("at %v %s is %v, want %v", s.now, id, m.State, state)
	}
}

// claim is signed by its reporter as the real thing.
func (s *stage) claim(reporter, node shoal.NodeID, level members.Level) *members.Message {
	c := members.Claim{Node: members.HandleOf(node), Reporter: members.HandleOf(reporter), Incarnation: 1, Level: level}
	c.Sig = s.keys[reporter].Sign(claimText(node, reporter, &c))
	m := s.greeting(reporter)
	m.Claims = append(m.Claims, c)
	return m
}

// claimText is what docs/spec/members.md says is signed of a claim.
func claimText(node, reporter shoal.NodeID, c *members.Claim) []byte {
	b := fmt.Appendf(nil, "shoal members claim 1\x00%s\x00%s\x00", node, reporter)
	return append(binary.AppendUvarint(b, c.Incarnation), byte(c.Level))
}

func TestSilence(t *testing.T) {
	s := newStage(t, 2)
	s.want("b", members.Suspect)
	s.play("b")
	s.want("b", members.Alive)
	s.pass(4 * time.Second)
	s.want("b", members.Alive)
	s.pass(2 * time.Second)
	s.want("b", members.Suspect)
	s.pass(5 * time.Second)
	s.want("b", members.Down)
}

func TestTwoMustAgree(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(30*time.Second, "c", "d")
	s.want("b", members.Suspect)
	s.hear("c", s.claim("c", "b", members.Silent))
	s.want("b", members.Down)
}

func TestOneLiarIsNotEnough(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(7*time.Second, "c", "d") // b is silent, and not for long enough
	forged := s.claim("c", "b", members.Silent)
	forged.Claims[len(forged.Claims)-1].Reporter = members.HandleOf("d")
	s.hear("c", forged)
	s.want("b", members.Suspect)
	s.hear("c", s.claim("c", "b", members.Gone))
	s.want("b", members.Suspect)
	s.hear("d", s.claim("d", "b", members.Gone))
	s.want("b", members.Down)
}

func TestOwnEarsComeFirst(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.hear("c", s.claim("c", "b", members.Gone))
	s.hear("d", s.claim("d", "b", members.Gone))
	s.want("b", members.Alive)
	s.pass(2*time.Second, "b", "c", "d") // until all has been told once
	actions := append(s.hear("b", s.greeting("b")), s.pass(members.DefaultInterval/5)...)
	if !slices.ContainsFunc(actions, func(a members.Action) bool {
		send, ok := a.(members.Send)
		return ok && send.To == "b" && len(send.Message.Claims) == 2
	}) {
		t.Error("b speaks on, and is not told what is said of it")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		nodes   int
		cause   members.Cause
		outcome members.Outcome
		want    members.State
	}{
		{3, members.Reset, members.Refused, members.Down},
		{3, members.Closed, members.Refused, members.Down},
		{3, members.Reset, members.Unknown, members.Suspect},
		{3, members.Closed, members.Unknown, members.Alive},
		{3, members.Reset, members.Reached, members.Alive},
		{4, members.Reset, members.Refused, members.Suspect},
	} {
		s := newStage(t, c.nodes)
		for _, id := range s.ids[1:] {
			s.play(id)
		}
		actions := s.d.Step(s.now, members.Lost{Peer: "b", Cause: c.cause})
		if !slices.Contains(actions, members.Action(members.Dial{To: "b"})) {
			t.Errorf("%+v: b is not redialled at once", c)
		}
		s.d.Step(s.now, members.Dialled{Peer: "b", Outcome: c.outcome})
		s.want("b", c.want)
		if c.want == members.Suspect && c.outcome == members.Refused {
			s.hear("c", s.claim("c", "b", members.Gone))
			s.want("b", members.Down)
		}
	}
}

// A peer that says it is elsewhere is dialled there at once; that it was not
// where it used to be is then nothing against it.
func TestMoved(t *testing.T) {
	dial := members.Action(members.Dial{To: "b"})
	s := newStage(t, 3)
	if slices.Contains(s.d.Step(s.now, members.Moved{Peer: "b"}), dial) {
		t.Error("b is dialled out of turn")
	}
	s.play("b")
	s.play("c")
	if slices.Contains(s.d.Step(s.now, members.Moved{Peer: "b"}), dial) {
		t.Error("b is dialled, and is connected")
	}
	s.d.Step(s.now, members.Lost{Peer: "b"})
	if !slices.Contains(s.d.Step(s.now, members.Moved{Peer: "b"}), dial) {
		t.Error("b is not dialled where it is now")
	}
	if slices.Contains(s.d.Step(s.now, members.Moved{Peer: "b"}), dial) {
		t.Error("b is dialled thrice at a time")
	}
	s.d.Step(s.now, members.Dialled{Peer: "b", Outcome: members.Refused})
	s.want("b", members.Alive)
	s.d.Step(s.now, members.Dialled{Peer: "b", Outcome: members.Refused})
	s.want("b", members.Down)
	if !slices.Contains(s.d.Step(s.now, members.Moved{Peer: "b"}), dial) {
		t.Error("b is down, and not dialled where it is now")
	}
}

func TestThreeBeatsToRevive(t *testing.T) {
	s := newStage(t, 2)
	s.play("b")
	s.pass(12 * time.Second)
	s.want("b", members.Down)
	s.played["b"] = s.detector("b", 9, 201) // a new life does not shorten it
	s.pass(2*time.Second, "b")
	s.want("b", members.Down)
	s.pass(time.Second, "b")
	s.want("b", members.Alive)
}

func TestStalledObserver(t *testing.T) {
	s := newStage(t, 2)
	s.play("b")
	s.now += time.Hour
	s.pass(4 * time.Second)
	s.want("b", members.Alive)
	s.pass(7 * time.Second)
	s.want("b", members.Down)
}

func TestGoodbye(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	for _, a := range s.played["b"].Step(s.now, members.Leave{}) {
		if send, ok := a.(members.Send); ok {
			s.hear("b", send.Message)
		}
	}
	if m, _ := s.d.Member("b"); m.State != members.Down || !m.Left {
		t.Errorf("b left, and is %+v", m)
	}
}

func TestRefutation(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(2*time.Second, "b", "c", "d")
	actions := s.hear("c", s.claim("c", "a", members.Doubted))
	if !slices.ContainsFunc(actions, func(a members.Action) bool {
		send, ok := a.(members.Send)
		return ok && send.Message.Incarnation == 2 && len(send.Message.Statements) > 0
	}) {
		t.Error("a does not refute at once")
	}
}

func TestClones(t *testing.T) {
	s := newStage(t, 3)
	s.play("b")
	s.play("c")
	lives := []*members.Detector{s.detector("b", 2, 7), s.detector("b", 3, 8), s.detector("b", 4, 7)}
	var cloned []members.Action
	for _, life := range lives {
		s.played["b"] = life
		for _, a := range s.hear("b", s.greeting("b")) {
			if _, ok := a.(members.Cloned); ok {
				cloned = append(cloned, a)
			}
		}
	}
	if want := []members.Action{members.Cloned{Node: "b", Nonce: 7}}; !slices.Equal(cloned, want) {
		t.Errorf("got %v, want %v", cloned, want)
	}
}

func TestOwnClone(t *testing.T) {
	s := newStage(t, 3)
	s.play("c")
	var cloned bool
	for _, incarnation := range []uint64{5, 10} {
		s.played["a"] = s.detector("a", incarnation, 999)
		m := s.greeting("c")
		for _, a := range s.played["a"].Step(0, members.Connected{Peer: "c"}) {
			m.Statements = append(m.Statements, a.(members.Send).Message.Statements[0])
		}
		cloned = slices.Contains(s.hear("c", m), members.Action(members.Cloned{Node: "a", Nonce: 999}))
		if first := incarnation == 5; cloned == first {
			t.Errorf("incarnation %d: cloned is %v; the first may be of an earlier life", incarnation, cloned)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := members.Config{Self: "a", Keys: stampKeys{"a"}, Incarnation: 1}
	if _, err := members.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*members.Config){
		"self":        func(c *members.Config) { c.Self = "" },
		"keys":        func(c *members.Config) { c.Keys = nil },
		"incarnation": func(c *members.Config) { c.Incarnation = 0 },
		"interval":    func(c *members.Config) { c.Interval = -1 },
		"suspect":     func(c *members.Config) { c.Suspect = 2 * time.Second },
		"down":        func(c *members.Config) { c.Down = 5 * time.Second },
		"late":        func(c *members.Config) { c.Down = 2 * time.Hour },
		"tick":        func(c *members.Config) { c.Tick = time.Second },
		"update":      func(c *members.Config) { c.Update = time.Millisecond },
		"mesh":        func(c *members.Config) { c.FullMesh = 1 },
		"watchers":    func(c *members.Config) { c.Watchers = members.MaxWatchers + 1 },
		"rate":        func(c *members.Config) { c.RumourRate = 1 },
	} {
		bad := good
		change(&bad)
		if _, err := members.New(bad); !errors.Is(err, shoal.Usage) {
			t.Errorf("%s: got %v, want a usage error", name, err)
		}
	}
}

func TestRosterChanges(t *testing.T) {
	s := newStage(t, 5)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(2*time.Second, "b", "c", "d", "e")
	s.d.Step(s.now, members.NewRoster([]shoal.NodeID{"a", "b", "d", "e"}))
	if _, ok := s.d.Member("c"); ok {
		t.Error("c was taken off the roster, and is known")
	}
	s.pass(8*time.Second, "b", "d")
	s.want("b", members.Alive)
	s.want("e", members.Suspect)
	s.d.Step(s.now, members.NewRoster(append(s.ids, "0")))
	s.want("0", members.Suspect)
	s.want("b", members.Alive)
	s.want("c", members.Suspect)
	s.want("e", members.Suspect)
	s.hear("c", s.greeting("c"))
	s.want("c", members.Alive)
}

// TestNeighbours has each node of a large shoal say whom it wants to be
// connected to: the same as want it, and few.
func TestNeighbours(t *testing.T) {
	const n = 200
	w := newWorld(t, n, 1, members.Config{})
	wants := map[[2]int]bool{}
	count := make([]int, n)
	for _, node := range w.nodes {
		w.start(node)
		now := w.Now() + node.offset
		for range 15 {
			now += w.tickEvery()
			for _, a := range node.detector.Step(now, members.Tick{}) {
				if dial, ok := a.(members.Dial); ok && !wants[[2]int{node.index, w.node(dial.To).index}] {
					wants[[2]int{node.index, w.node(dial.To).index}] = true
					count[node.index]++
				}
			}
		}
	}
	for pair := range wants {
		if !wants[[2]int{pair[1], pair[0]}] {
			t.Errorf("%d wants %d, which does not want it", pair[0], pair[1])
		}
	}
	if least, most := slices.Min(count), slices.Max(count); least < 10 || most > 2*members.MaxWatchers {
		t.Errorf("nodes want %d to %d connections, want 10 to %d", least, most, 2*members.MaxWatchers)
	}
}

// TestSameEventsSameActions runs one seed twice.
func TestSameEventsSameActions(t *testing.T) {
	trace := func() uint64 {
		h := fnv.New64a()
		tr := newTrouble(t, 6)
		check := tr.watch
		tr.watch = func(at *node, a members.Action) {
			if send, ok := a.(members.Send); ok {
				h.Write(send.Message.Append(nil))
			} else {
				h.Write(fmt.Appendf(nil, "%d %+v", at.index, a))
			}
			check(at, a)
		}
		tr.startAll()
		for range 10 {
			tr.Run(10 * time.Second)
			tr.fault()
		}
		return h.Sum64()
	}
	if first, second := trace(), trace(); first != second {
		t.Error("the same events gave other actions")
	}
}
