package reconcile

import (
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// add says that somebody waits for a file that this node has wholly, and returns
// the call.
func (r *rig) add(s Seen) Call {
	r.t.Helper()
	call := r.call()
	r.tell(Added{Call: call, File: fileOf(s), Upto: 7, Usual: true})
	return call
}

// answerAll answers a question for all with the same chunks.
func (r *rig) answerAll(a Ask, has content.Bitmap) {
	r.t.Helper()
	for _, id := range a.To {
		r.answer(a, id, has, set(a.Chunks))
	}
}

// An add is acknowledged as soon as every chunk lies on a second node that has heard
// of the name; the other answers are not waited for.
func TestAcknowledgedWithTwoCopies(t *testing.T) {
	r := newRig(t, 4)
	s := r.file(1, 4, 3, 0, 1, 2, 3)
	call := r.add(s)
	ask := one[Ask](r)
	if ask.Upto != 7 || !ask.Waited || len(ask.To) < 2 {
		t.Fatalf("%+v: who has not heard of the name must not count", ask)
	}
	r.answer(ask, ask.To[0], set(4, 0, 1), set(4))
	none[Acknowledge](r, "acknowledged with one copy of two chunks")
	r.answer(ask, ask.To[1], set(4, 2, 3), set(4))
	if a := one[Acknowledge](r); a.Call != call || a.Copies != 2 {
		t.Errorf("%+v", a)
	}
	r.pass(2 * HoldTimeout)
	none[Ask](r, "asked again")
	none[Acknowledge](r, "acknowledged again")
}

// One copy is enough where one is wanted; a file without chunks has nothing to lose;
// of a linked file no copies are wanted, and in a shoal of one node nobody waits
// unless a person asked for it.
func TestAcknowledgedAtOnce(t *testing.T) {
	for why, c := range map[string]struct {
		nodes int
		file  repair.File
		usual bool
		want  int
	}{
		"one copy wanted": {3, repair.File{ID: shoal.FileID{1}, Chunks: 4, Copies: 1}, true, 1},
		"no chunks":       {3, repair.File{ID: shoal.FileID{1}, Copies: 2}, true, 2},
		"linked":          {3, repair.File{ID: shoal.FileID{1}, Chunks: 4}, true, 0},
		"alone":           {1, repair.File{ID: shoal.FileID{1}, Chunks: 4, Copies: 2}, true, 0},
		"alone, safe":     {1, repair.File{ID: shoal.FileID{1}, Chunks: 4, Copies: 2}, false, 1},
		"alone, one copy": {1, repair.File{ID: shoal.FileID{1}, Chunks: 4, Copies: 1}, false, 1},
	} {
		r := newRig(t, c.nodes)
		r.file(1, 4, max(c.file.Copies, 1), 0, 1, 2, 3)
		r.tell(Added{Call: 5, File: c.file, Usual: c.usual})
		for _, ask := range take[Ask](r) {
			r.answerAll(ask, set(4))
		}
		if a := one[Acknowledge](r); a.Copies != c.want || a.Call != 5 {
			t.Errorf("%s: %+v, want %d copies", why, a, c.want)
		}
	}
}

// The holders are asked again and again, first soon and then once a second. When
// nothing has come closer for StillFor, the wait is given up; whatever comes closer
// begins it anew.
func TestAddsAreAskedAboutAgain(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	r.add(s)
	var rounds []time.Duration
	round := func(has content.Bitmap) {
		rounds = append(rounds, r.now.Mono)
		r.answerAll(one[Ask](r), has)
	}
	round(set(4))
	for range 8 {
		r.pass(r.m.adds[0].wait * 2)
		r.pass(0)
		if asks := take[Ask](r); len(asks) > 0 {
			rounds = append(rounds, r.now.Mono)
			r.answerAll(asks[0], set(4))
		}
	}
	if r.m.adds[0].wait != LastAsk || len(rounds) < 5 {
		t.Errorf("rounds at %v, the next in %v", rounds, r.m.adds[0].wait)
	}
	closer := r.now.Mono
	for chunks := set(4, 0); ; {
		r.pass(100 * time.Millisecond)
		for _, ask := range take[Ask](r) {
			r.answerAll(ask, chunks)
		}
		if done := take[Acknowledge](r); len(done) > 0 {
			if waited := r.now.Mono - closer; waited < StillFor || waited > StillFor+3*time.Second || done[0].Copies != 1 {
				t.Errorf("given up after %v with %d copies", waited, done[0].Copies)
			}
			break
		}
	}
}

// The time in which nothing comes closer begins with the end of the first round.
func TestTheWaitBeginsWithTheFirstAnswers(t *testing.T) {
	r := newRig(t, 2)
	r.add(r.file(1, 1, 2, 0))
	r.pass(time.Second)
	r.answerAll(one[Ask](r), set(1))
	if since := r.m.adds[0].since; since != r.now.Mono {
		t.Errorf("it counts from %v, and the answers came at %v", since, r.now.Mono)
	}
}

// While too few nodes answer, or some have no room, there is less to hope for. A node
// that has just joined is heard of all the same: after three heartbeats.
func TestAddsGiveUpSoonerWhereThereIsLittleHope(t *testing.T) {
	for why, spoil := range map[string]func(*rig){
		"the others are down": func(r *rig) {
			for i := 1; i < 3; i++ {
				r.peers[i].Up = false
			}
			r.peers[1].Since, r.peers[2].Since = r.now.Mono, r.now.Mono
		},
		"one is full": func(r *rig) { r.peers[2].Report.Refused = 1 },
		"this one is full": func(r *rig) {
			r.m.refused[shoal.FileID{9}] = true
		},
	} {
		r := newRig(t, 3)
		s := r.file(1, 4, 2, 0, 1, 2, 3)
		spoil(r)
		r.nodes()
		take[Ask](r)
		r.add(s)
		began := r.now.Mono
		for len(take[Acknowledge](r)) == 0 {
			for _, ask := range take[Ask](r) {
				r.answerAll(ask, set(4))
			}
			r.pass(100 * time.Millisecond)
		}
		if waited := r.now.Mono - began; waited < max(FewFor, 3*time.Second) || waited > FewFor+3*time.Second {
			t.Errorf("%s: given up after %v", why, waited)
		}
	}
}

// This node counts as one that a file can lie on, if it has it and stores nothing for
// others: then one other is enough to hope for.
func TestAReaderOfItsOwnFileCounts(t *testing.T) {
	r := newRig(t, 3)
	r.peers = r.peers[1:]
	r.peers[1].Up, r.peers[1].Since = false, r.now.Mono
	r.nodes()
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	r.drop()
	r.tell(Added{Call: 1, File: fileOf(s)})
	a := r.m.adds[0]
	if got := r.m.patience(a, content.FullBitmap(4)); got != StillFor {
		t.Errorf("waits for %v", got)
	}
	if got := r.m.patience(a, set(4)); got != FewFor {
		t.Errorf("without the file it waits for %v", got)
	}
}

// Too few nodes on the roster: nothing to wait for. A caller that hangs up waits no
// longer.
func TestAddsEnd(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	call := r.add(s)
	take[Ask](r)
	r.tell(HungUp{Call: call})
	if one[Acknowledge](r).Call != call || len(r.m.adds) != 0 {
		t.Error("it waits on")
	}
	r.tell(HungUp{Call: call})
	none[Acknowledge](r, "twice")
	r.pass(time.Minute)
	none[Ask](r, "asked for nobody")
	call, stays := r.add(s), r.add(s)
	r.tell(HungUp{Call: stays})
	if one[Acknowledge](r).Call != stays || len(r.m.adds) != 1 {
		t.Error("another caller hung up")
	}
	r.tell(HungUp{Call: call})
	r.drop()
	r.slow = true
	call = r.add(s)
	r.tell(HungUp{Call: call})
	r.tell(Looked{Op: one[Look](r).Op, Files: []Seen{s}})
	none[Ask](r, "asked for a caller who is gone")
}

// A copy of this node's own counts only if it stays.
func TestALeavingCopyDoesNotCount(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	r.m.keeper.Leave(s.File, content.FullBitmap(4))
	r.add(s)
	ask := one[Ask](r)
	r.answer(ask, ask.To[0], content.FullBitmap(4), set(4))
	none[Acknowledge](r, "acknowledged with one copy that stays")
}

// Answers to a question that was asked before the process stood still prove nothing.
func TestOldAnswersDoNotAcknowledge(t *testing.T) {
	r := newRig(t, 3)
	r.add(r.file(1, 4, 2, 0, 1, 2, 3))
	ask := one[Ask](r)
	r.halt(2*HoldTimeout + 1)
	r.everyone(ask)
	none[Acknowledge](r, "acknowledged by old answers")
	r.pass(5 * time.Second)
	r.everyone(one[Ask](r))
	one[Acknowledge](r)
}

// In a shoal of two nodes an add waits for the other. Nothing has come closer for
// StillFor before it is given up, and not an instant less.
func TestAddsWaitForTheOnlyOtherNode(t *testing.T) {
	r := newRig(t, 2)
	r.add(r.file(1, 4, 2, 0, 1, 2, 3))
	r.answerAll(one[Ask](r), set(4))
	a := r.m.adds[0]
	r.pass(FirstAsk)
	a.since = r.now.Mono - StillFor
	r.answerAll(one[Ask](r), set(4))
	none[Acknowledge](r, "given up at StillFor")
	r.pass(2 * FirstAsk)
	r.answerAll(one[Ask](r), set(4))
	if got := one[Acknowledge](r); got.Copies != 1 {
		t.Errorf("%+v", got)
	}
}

// An answer counts for twice as long as it is waited for.
func TestALateAnswerAcknowledges(t *testing.T) {
	r := newRig(t, 2)
	r.add(r.file(1, 4, 2, 0, 1, 2, 3))
	ask := one[Ask](r)
	r.halt(2 * HoldTimeout)
	r.everyone(ask)
	one[Acknowledge](r)
}
