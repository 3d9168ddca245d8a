package gossip_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/record"
)

// talk is one node in conversation with peers that the test plays. All of them
// speak of the batches of one author.
type talk struct {
	t    *testing.T
	now  time.Time
	has  uint64 // how far the node has the author
	node *gossip.Node
}

const author = shoal.NodeID("author")

func newTalk(t *testing.T) *talk {
	k := &talk{t: t, now: time.Unix(0, 0)}
	k.node = gossip.New("self", k)
	return k
}

// Upto, Vector and Digest are the node's gossip.Journal.
func (k *talk) Upto(of shoal.NodeID) uint64 { return k.Vector()[of] }

func (k *talk) Vector() record.Vector {
	v := record.Vector{author: k.has}
	maps.DeleteFunc(v, func(_ shoal.NodeID, seq uint64) bool { return seq == 0 })
	return v
}

func (k *talk) Digest() ([32]byte, error) { return [32]byte{byte(k.has)}, nil }

// meet begins a conversation with a peer that has the author up to a number.
func (k *talk) meet(upto uint64) *gossip.Session {
	s := k.node.Meet(k.now)
	s.HearHave(gossip.Have{author: upto})
	return s
}

// pass lets time pass.
func (k *talk) pass(d time.Duration) { k.now = k.now.Add(d) }

// asked is the number from which a session asks for the author's batches now; 0
// if it does not ask.
func (k *talk) asked(s *gossip.Session) (from uint64) {
	for _, message := range k.said(s) {
		if want, ok := message.(gossip.Want); ok {
			from = want[author]
		}
	}
	return from
}

// said is all that a session says now.
func (k *talk) said(s *gossip.Session) (all []any) {
	for len(all) < 10 {
		message, err := s.Next(k.now)
		if err != nil {
			k.t.Fatal(err)
		}
		if message == nil {
			return all
		}
		all = append(all, message)
	}
	k.t.Fatalf("it says more and more: %v", all)
	return nil
}

// give has a session's peer send batches up to a number, which are taken.
func (k *talk) give(s *gossip.Session, upto uint64) {
	k.has = upto
	k.node.Grew(k.now, author)
	s.Took(k.now, record.Vector{author: upto}, false, k.node.Admissions())
}

// refuse has a session's peer send batches up to a number, of which none is taken.
func (k *talk) refuse(s *gossip.Session, upto uint64, again bool) {
	s.Took(k.now, record.Vector{author: upto}, again, k.node.Admissions())
}

// want checks from which number a session asks now.
func (k *talk) want(s *gossip.Session, from uint64, why string) {
	k.t.Helper()
	if got := k.asked(s); got != from {
		k.t.Errorf("at %v the peer is asked from %d, want %d: %s", k.now.Sub(time.Unix(0, 0)), got, from, why)
	}
}

func TestOneIsAskedAtATime(t *testing.T) {
	k := newTalk(t)
	first, second := k.meet(1), k.meet(1)
	k.want(first, 1, "it has more")
	k.want(second, 0, "the first was asked")
	if wake := second.Wake(); !wake.Equal(k.now.Add(gossip.Patience)) {
		t.Errorf("the second wakes at %v, want when the first was waited for", wake)
	}
	k.pass(gossip.Patience - 1)
	k.want(second, 0, "the first is still waited for")
	k.pass(1)
	k.want(second, 1, "the first has given nothing")
}

func TestWhoIsGoneIsNotWaitedFor(t *testing.T) {
	k := newTalk(t)
	first, second, third := k.meet(1), k.meet(1), k.meet(1)
	k.want(first, 1, "it has more")
	second.End()
	k.want(third, 0, "the first is still there")
	first.End()
	k.want(third, 1, "the first is gone")
}

// A peer that was asked and gave nothing lets another go first that has more
// than this node; others do not count.
func TestWhoGaveNothingLetsOthersGoFirst(t *testing.T) {
	for _, other := range []struct {
		upto uint64
		from uint64
	}{{2, 0}, {1, 2}, {0, 2}} {
		k := newTalk(t)
		k.has = 1
		first := k.meet(2)
		k.meet(other.upto)
		k.want(first, 2, "it has more")
		k.pass(gossip.Patience)
		first.HearHave(gossip.Have{author: 2})
		k.want(first, other.from, "another may have more")
	}
}

// A peer that gives is waited for anew, as long as it has more to give.
func TestWhoGivesIsWaitedFor(t *testing.T) {
	k := newTalk(t)
	first, second := k.meet(10), k.meet(10)
	k.want(first, 1, "it has more")
	k.pass(gossip.Patience - time.Millisecond)
	k.give(first, 5)
	k.pass(gossip.Patience - time.Millisecond)
	k.want(second, 0, "the first gave some, and has more")
	k.pass(time.Millisecond)
	k.want(second, 6, "the first gives no more")
}

// A peer that has given all it announced may go on for a Lull, in which its next batch
// has the time to cross an ocean.
func TestWhoGaveAllMayGoOn(t *testing.T) {
	k := newTalk(t)
	first, second := k.meet(10), k.meet(10)
	k.want(first, 1, "it has more")
	k.give(first, 10)
	second.HearHave(gossip.Have{author: 11})
	const ocean = 100 * time.Millisecond
	k.pass(ocean)
	k.want(second, 0, "the next may be on its way from the first")
	k.pass(gossip.Lull - ocean - time.Millisecond)
	k.want(second, 0, "the first may have the next, too")
	k.pass(time.Millisecond)
	k.want(second, 11, "the first has given all")
}

// What comes from a peer that was not asked changes nothing for one that was.
func TestGiftsOfOthers(t *testing.T) {
	for what, gift := range map[string]func(k *talk, s *gossip.Session){
		"taken":               func(k *talk, s *gossip.Session) { k.give(s, 5) },
		"refused":             func(k *talk, s *gossip.Session) { k.refuse(s, 10, false) },
		"refused for a while": func(k *talk, s *gossip.Session) { k.refuse(s, 10, true) },
	} {
		k := newTalk(t)
		first, second, third := k.meet(10), k.meet(10), k.meet(10)
		k.want(first, 1, "it has more")
		k.pass(gossip.Patience - time.Millisecond)
		gift(k, second)
		k.want(second, 0, what+": the first was asked")
		k.node.Admitted()
		k.want(third, 0, what+": the first was asked")
		k.pass(time.Millisecond)
		k.want(third, k.has+1, what+": the first has given nothing")
	}
}

// What could not be taken is asked for again at once if that may help, and else
// when others were let in.
func TestWhenRefusedBatchesAreAskedForAgain(t *testing.T) {
	for what, test := range map[string]struct {
		again             bool
		meanwhile, atOnce bool // others were let in while the batches were looked at; what follows
	}{
		"a gap":                      {again: true, atOnce: true},
		"not admitted":               {},
		"admitted while it was read": {meanwhile: true, atOnce: true},
	} {
		k := newTalk(t)
		s := k.meet(1)
		k.want(s, 1, "it has more")
		seen := k.node.Admissions()
		if test.meanwhile {
			k.node.Admitted()
			k.want(s, 0, what+": it was asked")
		}
		s.Took(k.now, record.Vector{author: 1}, test.again, seen)
		if test.atOnce {
			k.want(s, 1, what)
			continue
		}
		k.want(s, 0, what)
		k.node.Admitted()
		k.want(s, 1, what+": others were let in")
	}
}

func TestAdmissionsAreCounted(t *testing.T) {
	k := newTalk(t)
	for want := range uint64(3) {
		if got := k.node.Admissions(); got != want {
			t.Errorf("%d admissions, want %d", got, want)
		}
		k.node.Admitted()
	}
}

// What the peer has already is no news, and nobody is woken for it.
func TestNewsIsWhatThePeerLacks(t *testing.T) {
	for _, test := range []struct {
		has  uint64
		news []any
	}{{1, nil}, {2, nil}, {3, []any{gossip.Have{author: 3}}}} {
		k := newTalk(t)
		k.has = 1
		s := k.meet(2)
		if err := s.HearDigest(gossip.Digest{9}); err != nil {
			t.Fatal(err)
		}
		k.said(s)
		k.has = test.has
		k.node.Grew(k.now, author)
		if woken := s.Wake().Equal(k.now.Add(gossip.HaveDelay)); woken != (test.news != nil) {
			t.Errorf("at %d: woken for news %v", test.has, woken)
		}
		k.pass(gossip.HaveDelay)
		var said []any
		for _, message := range k.said(s) {
			if _, ok := message.(gossip.Have); ok {
				said = append(said, message)
			}
		}
		if diff := cmp.Diff(test.news, said); diff != "" {
			t.Errorf("at %d: %s", test.has, diff)
		}
	}
}

// Nor is what the peer has got meanwhile from another.
func TestNewsThatThePeerGotMeanwhile(t *testing.T) {
	k := newTalk(t)
	k.has = 1
	s := k.meet(1)
	if err := s.HearDigest(gossip.Digest{9}); err != nil {
		t.Fatal(err)
	}
	k.said(s)
	k.has = 2
	k.node.Grew(k.now, author)
	s.HearHave(gossip.Have{author: 2})
	k.pass(gossip.HaveDelay)
	if said := k.said(s); said != nil {
		t.Errorf("says %v to a peer that has the same", said)
	}
}

func TestWhatCameMeanwhileIsNotAskedFor(t *testing.T) {
	k := newTalk(t)
	first, second := k.meet(1), k.meet(1)
	k.want(first, 1, "it has more")
	k.want(second, 0, "the first was asked")
	k.give(first, 1)
	k.pass(gossip.Patience)
	k.want(second, 0, "all of it came from the first")
}

// The first answer to a digest is said even if it is empty; later ones tell what
// the peer is not known to have, if there is any.
func TestAnswersToADigest(t *testing.T) {
	k := newTalk(t)
	k.has = 2
	s := k.meet(2)
	for _, test := range []struct {
		has, theirs uint64
		want        []any
	}{
		{2, 2, []any{gossip.Have{}}},
		{2, 2, nil},
		{3, 2, []any{gossip.Have{author: 3}}},
		{3, 3, nil},
		{3, 4, nil},
	} {
		k.has = test.has
		s.HearHave(gossip.Have{author: test.theirs})
		if err := s.HearDigest(gossip.Digest{9}); err != nil {
			t.Fatal(err)
		}
		var got []any
		for _, message := range k.said(s) {
			if _, ok := message.(gossip.Have); ok {
				got = append(got, message)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("has %d, the peer %d: %s", test.has, test.theirs, diff)
		}
	}
}
