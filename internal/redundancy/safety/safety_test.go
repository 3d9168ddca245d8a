package safety_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"shoal/internal/redundancy/safety"
)

// done is an account of a node that has all it should.
func done() safety.Account {
	return safety.Account{Map: [8]byte{1}, Log: [8]byte{2}, Done: true}
}

// well is n nodes, on which all is well.
func well(n int) safety.Shoal {
	s := safety.Shoal{Own: done(), Keeps: true, Wanted: map[int]int{2: 1204}}
	for i := 1; i < n; i++ {
		s.Others = append(s.Others, safety.Node{Name: string('a' + rune(i)), Up: true, Known: true, Account: done()})
	}
	return s
}

func TestSentences(t *testing.T) {
	for want, change := range map[string]func(*safety.Shoal){
		"All 1204 files are safe: every chunk has the copies that are wanted, each on a node of its own.": func(*safety.Shoal) {},
		"The file is safe: every chunk has the copies that are wanted, each on a node of its own.":        func(s *safety.Shoal) { s.Wanted = map[int]int{2: 1} },
		"There are no files yet.":                                                 func(s *safety.Shoal) { s.Wanted = nil },
		"Add a node: with one node each file has 1 of 2 copies.":                  func(s *safety.Shoal) { s.Others = nil },
		"Add a node: with 5 nodes no file can have the 9 copies that are wanted.": func(s *safety.Shoal) { s.Wanted = map[int]int{9: 1204} },
		"1204 files may have fewer copies than wanted: attic is away. If that lasts, others take over in 40s.": func(s *safety.Shoal) {
			s.Away, s.Delay = []string{"attic"}, 40*time.Second
		},
		"1204 files may have fewer copies than wanted: attic is away. There are too few others to take over: start what is away, or add a node.": func(s *safety.Shoal) {
			s.Others, s.Away, s.Delay = []safety.Node{{Name: "attic"}}, []string{"attic"}, 40*time.Second
		},
		"Fewer than half of the nodes answer: nothing is copied until more are back. Away: attic, cellar and 2 others.": func(s *safety.Shoal) {
			s.Braked, s.Away = true, []string{"attic", "cellar", "shed", "office"}
		},
		"Copying: 3.0 MB to go (7 files). Done in about 4s.": func(s *safety.Shoal) {
			s.Others[0].Account.Files, s.Others[0].Account.Bytes, s.Own.Bytes, s.Rate = 7, 2_000_000, 1_000_000, 1e6
		},
		"7 files lack copies (2.0 MB), and of 3 files no node that is up has what is missing. Start the nodes that are down, or add the files again.": func(s *safety.Shoal) {
			s.Others[0].Account.Files, s.Others[0].Account.Bytes, s.Others[0].Account.Stuck = 7, 2_000_000, 3
		},
		"2 files lack copies (5.0 MB): there is no room for them on c and this node. Add a node, or make room.": func(s *safety.Shoal) {
			s.Own.Files, s.Own.Bytes, s.Own.Refused, s.Others[1].Account.Refused = 2, 5_000_000, 2, 9
		},
		"What becomes of the files is not known here: this node was removed.": func(s *safety.Shoal) { s.Out = "this node was removed" },
		"This node has lost what it knew of the shoal, and waits for another to tell it.": func(s *safety.Shoal) {
			s.Lost, s.Wanted = true, nil
		},
		"This node's folder was copied, restored or mended: it waits until more of the others have told what they heard from it.": func(s *safety.Shoal) { s.Moved = true },
		"Looking: this node has stood still, and does not know yet how the others are.":                                           func(s *safety.Shoal) { s.Asleep = true },
		"Looking: b and this node have not yet said that they have all they should.":                                              func(s *safety.Shoal) { s.Own.Done, s.Others[0].Known = false, false },
		"Looking: c has not yet said that it has all it should.":                                                                  func(s *safety.Shoal) { s.Others[1].Account.Log[0]++ },
		"No node keeps copies: the 1204 files have nowhere to be. Add a node, or make one active again.": func(s *safety.Shoal) {
			s.Others, s.Keeps = nil, false
		},
		"Add a node: of 3 files more copies are wanted (up to 9) than there are nodes (5). All others have theirs.": func(s *safety.Shoal) {
			s.Wanted = map[int]int{2: 1204, 6: 2, 9: 1}
		},
		"Copying: 3.0 MB to go (7 files).": func(s *safety.Shoal) { // one that can never be had does not hide what becomes of the others
			s.Wanted[9], s.Others[0].Account.Files, s.Others[0].Account.Bytes = 1, 7, 3_000_000
		},
		"1 file lacks copies (5 B), and of 1 file no node that is up has what is missing. Start the nodes that are down, or add the files again.": func(s *safety.Shoal) {
			s.Others, s.Own.Files, s.Own.Bytes, s.Own.Stuck = nil, 1, 5, 1
		},
		"1205 files may have fewer copies than wanted: attic is away. If that lasts, others take over in 40s.": func(s *safety.Shoal) {
			s.Wanted[9], s.Away, s.Delay = 1, []string{"attic"}, 40*time.Second
		},
		"1205 files may have fewer copies than wanted: attic is away. If that lasts, others take over in 40s, but for 1 file of which there are too few: start what is away, or add a node.": func(s *safety.Shoal) {
			s.Wanted[5], s.Others[0].Up, s.Away, s.Delay = 1, false, []string{"attic"}, 40*time.Second
		},
		"1204 files are there, in one copy as wanted.":                                              func(s *safety.Shoal) { s.Wanted = map[int]int{1: 1204} },
		"1 file is there, in one copy as wanted.":                                                   func(s *safety.Shoal) { s.Wanted = map[int]int{1: 1} },
		"Fewer than half of the nodes answer: nothing is copied until more are back. Away: nobody.": func(s *safety.Shoal) { s.Braked = true },
	} {
		s := well(5)
		change(&s)
		if got := safety.Judge(s).Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What becomes of the copies on nodes that are away depends on how many nodes stay.
func TestWhatBecomesOfCopiesThatAreAway(t *testing.T) {
	for _, c := range []struct {
		away   int // of four nodes, of which this node is one
		wanted map[int]int
		delay  time.Duration
		want   string
	}{
		{1, map[int]int{3: 5}, time.Minute, "5 files may have fewer copies than wanted: b is away. If that lasts, others take over in 1m0s."},
		{2, map[int]int{2: 5}, time.Minute, "5 files may have fewer copies than wanted: b and c are away. If that lasts, others take over in 1m0s."},
		{3, map[int]int{1: 5}, time.Minute, "5 files may have fewer copies than wanted: b, c and d are away. If that lasts, others take over in 1m0s."},
		{1, map[int]int{3: 5}, 0, "5 files may have fewer copies than wanted: b is away."},
		{1, map[int]int{3: 5, 4: 1}, 0, "6 files may have fewer copies than wanted: b is away."},
		{1, map[int]int{4: 5}, time.Minute, "5 files may have fewer copies than wanted: b is away. There are too few others to take over: start what is away, or add a node."},
		{1, map[int]int{4: 5, 9: 2}, time.Minute, "7 files may have fewer copies than wanted: b is away. There are too few others to take over: start what is away, or add a node."},
		{1, map[int]int{9: 2}, time.Minute, "2 files may have fewer copies than wanted: b is away. There are too few nodes anyway: add one."},
	} {
		s := well(4)
		s.Wanted, s.Delay = c.wanted, c.delay
		for i := range c.away {
			s.Others[i].Up = false
			s.Away = append(s.Away, s.Others[i].Name)
		}
		if got := safety.Judge(s).Text; got != c.want {
			t.Errorf("%d away, %v wanted, delay %v: %q, want %q", c.away, c.wanted, c.delay, got, c.want)
		}
	}
}

// A full node, or one that finds no source, matters only while a chunk lacks copies.
func TestProblemsOfNodesThatLackNothing(t *testing.T) {
	s := well(3)
	s.Own.Refused, s.Own.Stuck, s.Others[0].Account.Refused, s.Others[1].Account.Stuck = 1, 1, 1, 1
	if v := safety.Judge(s); v.State != safety.Safe || !v.Settled {
		t.Errorf("%+v, want safe and settled", v)
	}
}

// Sizes have one decimal place and the largest unit that leaves at least 1.
func TestSizes(t *testing.T) {
	for bytes, want := range map[uint64]string{
		999: "999 B", 1000: "1.0 kB", 999_900: "1000 kB", 1_000_000: "1.0 MB", 1e9: "1.0 GB", 1e12: "1.0 TB", 1e15: "1.0 PB", 5e18: "5.0 EB",
	} {
		s := well(3)
		s.Own.Files, s.Own.Bytes = 2, bytes
		if got := safety.Judge(s).Text; got != "Copying: "+want+" to go (2 files)." {
			t.Errorf("%d bytes: %q, want %s", bytes, got, want)
		}
	}
}

// Whatever is not as it should be, it is not called safe.
func TestNeverSafeWithoutProof(t *testing.T) {
	for what, spoil := range map[string]func(*safety.Shoal){
		"somebody is away":       func(s *safety.Shoal) { s.Away = []string{"x"} },
		"the brake is on":        func(s *safety.Shoal) { s.Braked = true },
		"it is not in the shoal": func(s *safety.Shoal) { s.Out = "this node was removed" },
		"its journal is lost":    func(s *safety.Shoal) { s.Lost = true },
		"its folder was moved":   func(s *safety.Shoal) { s.Moved = true },
		"it has just woken up":   func(s *safety.Shoal) { s.Asleep = true },
		"too few nodes":          func(s *safety.Shoal) { s.Others = nil },
		"this node keeps none":   func(s *safety.Shoal) { s.Others, s.Keeps = s.Others[:1], false },
		"it lacks something":     func(s *safety.Shoal) { s.Own.Files = 1 },
		"another does":           func(s *safety.Shoal) { s.Others[0].Account.Files = 1 },
		"not finished":           func(s *safety.Shoal) { s.Own.Done = false },
		"another is not":         func(s *safety.Shoal) { s.Others[0].Account.Done = false },
		"nothing was heard":      func(s *safety.Shoal) { s.Others[0].Known = false },
		"it is not up":           func(s *safety.Shoal) { s.Others[0].Up = false },
		"it knows other nodes":   func(s *safety.Shoal) { s.Others[0].Account.Map[0]++ },
		"it knows other entries": func(s *safety.Shoal) { s.Others[0].Account.Log[0]++ },
	} {
		s := well(3)
		if safety.Judge(s).State != safety.Safe {
			t.Fatal("all is well, and it is not called safe")
		}
		spoil(&s)
		if v := safety.Judge(s); v.State == safety.Safe {
			t.Errorf("%s: %q", what, v.Text)
		}
	}
}

// Too few nodes is the end of it only when all have said that they have theirs.
func TestSettledTakesProof(t *testing.T) {
	for what, spoil := range map[string]func(*safety.Shoal){
		"it lacks something":     func(s *safety.Shoal) { s.Own.Files = 1 },
		"another does":           func(s *safety.Shoal) { s.Others[0].Account.Files = 1 },
		"not finished":           func(s *safety.Shoal) { s.Own.Done = false },
		"another is not":         func(s *safety.Shoal) { s.Others[0].Account.Done = false },
		"it knows other nodes":   func(s *safety.Shoal) { s.Others[0].Account.Map[0]++ },
		"somebody is away":       func(s *safety.Shoal) { s.Away = []string{"x"} },
		"it has just woken up":   func(s *safety.Shoal) { s.Asleep = true },
		"it is not in the shoal": func(s *safety.Shoal) { s.Out = "this node was removed" },
	} {
		s := well(2)
		s.Wanted = map[int]int{3: 7}
		if v := safety.Judge(s); v.State != safety.Few || !v.Settled {
			t.Fatalf("%+v, want too few nodes, and settled", v)
		}
		spoil(&s)
		if v := safety.Judge(s); v.Settled {
			t.Errorf("%s, and yet it is settled: %q", what, v.Text)
		}
	}
}

func TestAccountComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := safety.Account{
			Map: [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "map")), Log: [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "log")),
			Done: rapid.Bool().Draw(t, "done"), Files: rapid.Uint32().Draw(t, "files"), Bytes: rapid.Uint64().Draw(t, "bytes"),
			Refused: rapid.Uint32().Draw(t, "refused"), Stuck: rapid.Uint32().Draw(t, "stuck"),
		}
		data := want.Encode()
		if got, ok := safety.Parse(data); !ok || got != want {
			t.Fatalf("%+v became %+v", want, got)
		}
		if got, ok := safety.Parse(append(data, 1)); !ok || got != want {
			t.Fatal("a later version with more fields is refused")
		}
		for short := range data {
			if _, ok := safety.Parse(data[:short]); ok {
				t.Fatalf("%d of %d bytes are an account", short, len(data))
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(done().Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, ok := safety.Parse(data); ok {
			if again, ok := safety.Parse(a.Encode()); !ok || again != a {
				t.Fatalf("%+v became %+v", a, again)
			}
		}
	})
}
