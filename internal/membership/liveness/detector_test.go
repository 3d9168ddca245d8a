package liveness_test

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
	"shoal/internal/membership/liveness"
)

// edKeys are real signatures: what a shell has.
type edKeys struct {
	private ed25519.PrivateKey
	public  map[shoal.NodeID]ed25519.PublicKey
}

func (k edKeys) Sign(text []byte) (sig [liveness.SigSize]byte) {
	copy(sig[:], ed25519.Sign(k.private, text))
	return sig
}

func (k edKeys) Verify(node shoal.NodeID, text []byte, sig [liveness.SigSize]byte) bool {
	public, ok := k.public[node]
	return ok && ed25519.Verify(public, text, sig[:])
}

// stage is one detector on a table, with others that the test plays.
type stage struct {
	t      *testing.T
	now    time.Duration
	ids    []shoal.NodeID
	keys   map[shoal.NodeID]edKeys
	d      *liveness.Detector
	played map[shoal.NodeID]*liveness.Detector
}

// newStage has the detector of a, in a shoal of n nodes: a, b, c...
func newStage(t *testing.T, n int) *stage {
	s := &stage{t: t, keys: map[shoal.NodeID]edKeys{}, played: map[shoal.NodeID]*liveness.Detector{}}
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

func (s *stage) detector(id shoal.NodeID, incarnation, nonce uint64) *liveness.Detector {
	d, err := liveness.New(liveness.Config{Self: id, Keys: s.keys[id], Incarnation: incarnation, Nonce: nonce})
	if err != nil {
		s.t.Fatal(err)
	}
	d.Step(0, liveness.NewRoster(s.ids))
	return d
}

// play makes a peer whose messages the test sends: it is connected, and has
// said what it is.
func (s *stage) play(id shoal.NodeID) {
	s.played[id] = s.detector(id, 1, 200)
	s.d.Step(s.now, liveness.Connected{Peer: id})
	s.hear(id, s.greeting(id))
}

// greeting is what a played peer says to a new connection: its statement.
func (s *stage) greeting(id shoal.NodeID) *liveness.Message {
	for _, a := range s.played[id].Step(s.now, liveness.Connected{Peer: "a"}) {
		if send, ok := a.(liveness.Send); ok {
			return send.Message
		}
	}
	s.t.Fatalf("%s does not greet", id)
	return nil
}

func (s *stage) hear(from shoal.NodeID, m *liveness.Message) []liveness.Action {
	return s.d.Step(s.now, liveness.Heard{From: from, Message: m})
}

// pass lets time pass in ticks; those in speaking beat each interval.
func (s *stage) pass(d time.Duration, speaking ...shoal.NodeID) []liveness.Action {
	var actions []liveness.Action
	for until := s.now + d; s.now < until; {
		s.now += liveness.DefaultInterval / 5
		if s.now%liveness.DefaultInterval == 0 {
			for _, id := range speaking {
				actions = append(actions, s.hear(id, s.greeting(id))...)
			}
		}
		actions = append(actions, s.d.Step(s.now, liveness.Tick{})...)
	}
	return actions
}

func (s *stage) want(id shoal.NodeID, state liveness.State) {
	s.t.Helper()
	if m, ok := s.d.Member(id); !ok || m.State != state {
		s.t.Errorf("at %v %s is %v, want %v", s.now, id, m.State, state)
	}
}

// claim is signed by its reporter as the real thing.
func (s *stage) claim(reporter, node shoal.NodeID, level liveness.Level) *liveness.Message {
	c := liveness.Claim{Node: liveness.HandleOf(node), Reporter: liveness.HandleOf(reporter), Incarnation: 1, Level: level}
	c.Sig = s.keys[reporter].Sign(claimText(node, reporter, &c))
	m := s.greeting(reporter)
	m.Claims = append(m.Claims, c)
	return m
}

// claimText is what docs/spec/members.md says is signed of a claim.
func claimText(node, reporter shoal.NodeID, c *liveness.Claim) []byte {
	b := fmt.Appendf(nil, "shoal members claim 1\x00%s\x00%s\x00", node, reporter)
	return append(binary.AppendUvarint(b, c.Incarnation), byte(c.Level))
}

func TestSilence(t *testing.T) {
	s := newStage(t, 2)
	s.want("b", liveness.Suspect)
	s.play("b")
	s.want("b", liveness.Alive)
	s.pass(4 * time.Second)
	s.want("b", liveness.Alive)
	s.pass(2 * time.Second)
	s.want("b", liveness.Suspect)
	s.pass(5 * time.Second)
	s.want("b", liveness.Down)
}

func TestTwoMustAgree(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(30*time.Second, "c", "d")
	s.want("b", liveness.Suspect)
	s.hear("c", s.claim("c", "b", liveness.Silent))
	s.want("b", liveness.Down)
}

func TestOneLiarIsNotEnough(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(7*time.Second, "c", "d") // b is silent, and not for long enough
	forged := s.claim("c", "b", liveness.Silent)
	forged.Claims[len(forged.Claims)-1].Reporter = liveness.HandleOf("d")
	s.hear("c", forged)
	s.want("b", liveness.Suspect)
	s.hear("c", s.claim("c", "b", liveness.Gone))
	s.want("b", liveness.Suspect)
	s.hear("d", s.claim("d", "b", liveness.Gone))
	s.want("b", liveness.Down)
}

func TestOwnEarsComeFirst(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.hear("c", s.claim("c", "b", liveness.Gone))
	s.hear("d", s.claim("d", "b", liveness.Gone))
	s.want("b", liveness.Alive)
	s.pass(2*time.Second, "b", "c", "d") // until all has been told once
	actions := append(s.hear("b", s.greeting("b")), s.pass(liveness.DefaultInterval/5)...)
	if !slices.ContainsFunc(actions, func(a liveness.Action) bool {
		send, ok := a.(liveness.Send)
		return ok && send.To == "b" && len(send.Message.Claims) == 2
	}) {
		t.Error("b speaks on, and is not told what is said of it")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		nodes   int
		cause   liveness.Cause
		outcome liveness.Outcome
		want    liveness.State
	}{
		{3, liveness.Reset, liveness.Refused, liveness.Down},
		{3, liveness.Closed, liveness.Refused, liveness.Down},
		{3, liveness.Reset, liveness.Unknown, liveness.Suspect},
		{3, liveness.Closed, liveness.Unknown, liveness.Alive},
		{3, liveness.Reset, liveness.Reached, liveness.Alive},
		{4, liveness.Reset, liveness.Refused, liveness.Suspect},
	} {
		s := newStage(t, c.nodes)
		for _, id := range s.ids[1:] {
			s.play(id)
		}
		actions := s.d.Step(s.now, liveness.Lost{Peer: "b", Cause: c.cause})
		if !slices.Contains(actions, liveness.Action(liveness.Dial{To: "b"})) {
			t.Errorf("%+v: b is not redialled at once", c)
		}
		s.d.Step(s.now, liveness.Dialled{Peer: "b", Outcome: c.outcome})
		s.want("b", c.want)
		if c.want == liveness.Suspect && c.outcome == liveness.Refused {
			s.hear("c", s.claim("c", "b", liveness.Gone))
			s.want("b", liveness.Down)
		}
	}
}

// A peer that says it is elsewhere is dialled there at once; that it was not
// where it used to be is then nothing against it.
func TestMoved(t *testing.T) {
	dial := liveness.Action(liveness.Dial{To: "b"})
	s := newStage(t, 3)
	if slices.Contains(s.d.Step(s.now, liveness.Moved{Peer: "b"}), dial) {
		t.Error("b is dialled out of turn")
	}
	s.play("b")
	s.play("c")
	if slices.Contains(s.d.Step(s.now, liveness.Moved{Peer: "b"}), dial) {
		t.Error("b is dialled, and is connected")
	}
	s.d.Step(s.now, liveness.Lost{Peer: "b"})
	if !slices.Contains(s.d.Step(s.now, liveness.Moved{Peer: "b"}), dial) {
		t.Error("b is not dialled where it is now")
	}
	if slices.Contains(s.d.Step(s.now, liveness.Moved{Peer: "b"}), dial) {
		t.Error("b is dialled thrice at a time")
	}
	s.d.Step(s.now, liveness.Dialled{Peer: "b", Outcome: liveness.Refused})
	s.want("b", liveness.Alive)
	s.d.Step(s.now, liveness.Dialled{Peer: "b", Outcome: liveness.Refused})
	s.want("b", liveness.Down)
	if !slices.Contains(s.d.Step(s.now, liveness.Moved{Peer: "b"}), dial) {
		t.Error("b is down, and not dialled where it is now")
	}
}

func TestThreeBeatsToRevive(t *testing.T) {
	s := newStage(t, 2)
	s.play("b")
	s.pass(12 * time.Second)
	s.want("b", liveness.Down)
	s.played["b"] = s.detector("b", 9, 201) // a new life does not shorten it
	s.pass(2*time.Second, "b")
	s.want("b", liveness.Down)
	s.pass(time.Second, "b")
	s.want("b", liveness.Alive)
}

func TestStalledObserver(t *testing.T) {
	s := newStage(t, 2)
	s.play("b")
	s.now += time.Hour
	s.pass(4 * time.Second)
	s.want("b", liveness.Alive)
	s.pass(7 * time.Second)
	s.want("b", liveness.Down)
}

func TestGoodbye(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	for _, a := range s.played["b"].Step(s.now, liveness.Leave{}) {
		if send, ok := a.(liveness.Send); ok {
			s.hear("b", send.Message)
		}
	}
	if m, _ := s.d.Member("b"); m.State != liveness.Down || !m.Left {
		t.Errorf("b left, and is %+v", m)
	}
}

func TestRefutation(t *testing.T) {
	s := newStage(t, 4)
	for _, id := range s.ids[1:] {
		s.play(id)
	}
	s.pass(2*time.Second, "b", "c", "d")
	actions := s.hear("c", s.claim("c", "a", liveness.Doubted))
	if !slices.ContainsFunc(actions, func(a liveness.Action) bool {
		send, ok := a.(liveness.Send)
		return ok && send.Message.Incarnation == 2 && len(send.Message.Statements) > 0
	}) {
		t.Error("a does not refute at once")
	}
}

func TestClones(t *testing.T) {
	s := newStage(t, 3)
	s.play("b")
	s.play("c")
	lives := []*liveness.Detector{s.detector("b", 2, 7), s.detector("b", 3, 8), s.detector("b", 4, 7)}
	var cloned []liveness.Action
	for _, life := range lives {
		s.played["b"] = life
		for _, a := range s.hear("b", s.greeting("b")) {
			if _, ok := a.(liveness.Cloned); ok {
				cloned = append(cloned, a)
			}
		}
	}
	if want := []liveness.Action{liveness.Cloned{Node: "b", Nonce: 7}}; !slices.Equal(cloned, want) {
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
		for _, a := range s.played["a"].Step(0, liveness.Connected{Peer: "c"}) {
			m.Statements = append(m.Statements, a.(liveness.Send).Message.Statements[0])
		}
		cloned = slices.Contains(s.hear("c", m), liveness.Action(liveness.Cloned{Node: "a", Nonce: 999}))
		if first := incarnation == 5; cloned == first {
			t.Errorf("incarnation %d: cloned is %v; the first may be of an earlier life", incarnation, cloned)
		}
	}
}

// Each row has a value at a bound, which is taken, and the next one, which is not.
func TestConfigIsChecked(t *testing.T) {
	const interval, suspect = liveness.DefaultInterval, liveness.DefaultSuspect
	for name, row := range map[string]struct {
		set           func(*liveness.Config, int)
		good, refused int
	}{
		"first incarnation": {func(c *liveness.Config, n int) { c.Incarnation = uint64(n) }, 1, 0},
		"last incarnation":  {func(c *liveness.Config, n int) { c.Incarnation = uint64(n) }, liveness.MaxIncarnation, liveness.MaxIncarnation + 1},
		"interval":          {func(c *liveness.Config, n int) { c.Interval, c.Tick = time.Duration(n), 1 }, int(liveness.MinInterval), int(liveness.MinInterval) - 1},
		"suspect":           {func(c *liveness.Config, n int) { c.Suspect = time.Duration(n) }, int(3 * interval), int(3*interval) - 1},
		"down":              {func(c *liveness.Config, n int) { c.Down = time.Duration(n) }, int(suspect + interval), int(suspect+interval) - 1},
		"late":              {func(c *liveness.Config, n int) { c.Down = time.Duration(n) }, int(liveness.MaxDown), int(liveness.MaxDown) + 1},
		"quick tick":        {func(c *liveness.Config, n int) { c.Tick = time.Duration(n) }, 1, -1},
		"slow tick":         {func(c *liveness.Config, n int) { c.Tick = time.Duration(n) }, int(interval / 2), int(interval/2) + 1},
		"update":            {func(c *liveness.Config, n int) { c.Update = time.Duration(n) }, int(interval), int(interval) - 1},
		"small mesh":        {func(c *liveness.Config, n int) { c.FullMesh = n }, 2, 1},
		"large mesh":        {func(c *liveness.Config, n int) { c.FullMesh = n }, liveness.MaxFullMesh, liveness.MaxFullMesh + 1},
		"few watchers":      {func(c *liveness.Config, n int) { c.Watchers = n }, 2, 1},
		"many watchers":     {func(c *liveness.Config, n int) { c.Watchers = n }, liveness.MaxWatchers, liveness.MaxWatchers + 1},
		"rate":              {func(c *liveness.Config, n int) { c.RumourRate = n }, 100, 99},
	} {
		c := liveness.Config{Self: "a", Keys: stampKeys{"a"}, Incarnation: 1}
		row.set(&c, row.good)
		if _, err := liveness.New(c); err != nil {
			t.Errorf("%s: %v for %d", name, err, row.good)
		}
		row.set(&c, row.refused)
		if _, err := liveness.New(c); !errors.Is(err, shoal.Usage) {
			t.Errorf("%s: got %v for %d, want a usage error", name, err, row.refused)
		}
	}
	for name, c := range map[string]liveness.Config{
		"no self": {Keys: stampKeys{"a"}, Incarnation: 1},
		"no keys": {Self: "a", Incarnation: 1},
	} {
		if _, err := liveness.New(c); !errors.Is(err, shoal.Usage) {
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
	s.d.Step(s.now, liveness.NewRoster([]shoal.NodeID{"a", "b", "d", "e"}))
	if _, ok := s.d.Member("c"); ok {
		t.Error("c was taken off the roster, and is known")
	}
	s.pass(8*time.Second, "b", "d")
	s.want("b", liveness.Alive)
	s.want("e", liveness.Suspect)
	s.d.Step(s.now, liveness.NewRoster(append(s.ids, "0")))
	s.want("0", liveness.Suspect)
	s.want("b", liveness.Alive)
	s.want("c", liveness.Suspect)
	s.want("e", liveness.Suspect)
	s.hear("c", s.greeting("c"))
	s.want("c", liveness.Alive)
}

// TestNeighbours has each node of a large shoal say whom it wants to be
// connected to: the same as want it, and few.
func TestNeighbours(t *testing.T) {
	const n = 200
	w := newWorld(t, n, 1, liveness.Config{})
	wants := map[[2]int]bool{}
	count := make([]int, n)
	for _, node := range w.nodes {
		w.start(node)
		now := w.Now() + node.offset
		for range 15 {
			now += w.tickEvery()
			for _, a := range node.detector.Step(now, liveness.Tick{}) {
				if dial, ok := a.(liveness.Dial); ok && !wants[[2]int{node.index, w.node(dial.To).index}] {
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
	if least, most := slices.Min(count), slices.Max(count); least < 10 || most > 2*liveness.MaxWatchers {
		t.Errorf("nodes want %d to %d connections, want 10 to %d", least, most, 2*liveness.MaxWatchers)
	}
}

// TestSameEventsSameActions runs one seed twice.
func TestSameEventsSameActions(t *testing.T) {
	trace := func() uint64 {
		h := fnv.New64a()
		tr := newTrouble(t, 6)
		check := tr.watch
		tr.watch = func(at *node, a liveness.Action) {
			if send, ok := a.(liveness.Send); ok {
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
