package reconcile

import (
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/trim"
)

// ask has a node ask this one about a file.
func (r *rig) ask(s Seen, upto uint64, waited bool) Call {
	r.t.Helper()
	call := r.call()
	r.tell(Asked{Call: call, From: node(1), File: s.File, Chunks: fileOf(s).Chunks, Upto: upto, Waited: waited})
	return call
}

// A node says what it has, and pledges of that what it should hold.
func TestAnswers(t *testing.T) {
	r := newRig(t, 4)
	s := r.file(1, 6, 2, 0, 1, 2, 3, 4, 5)
	r.ask(s, 0, false)
	a, held := one[Answer](r), r.held(s, self)
	if !a.Has.Full() || a.Failed {
		t.Errorf("%+v", a)
	}
	for c := range 6 {
		if a.Pledge.Has(c) != held.Has(c) {
			t.Errorf("chunk %d: pledged %v, to be held %v", c, a.Pledge.Has(c), held.Has(c))
		}
	}
	r.pass(TrimEvery)
	if r.m.keeper.Steady(r.now.Mono) < trim.Kept {
		t.Fatal("it binds anyway")
	}
}

func TestAnswersOfNothing(t *testing.T) {
	for why, change := range map[string]func(*rig, *Seen){
		"of an unknown file": func(r *rig, s *Seen) { delete(r.files, s.File) },
		"of another cut": func(r *rig, s *Seen) {
			s.ChunkSize /= 2
			s.Own = content.FullBitmap(12)
			r.files[s.File] = *s
			s.ChunkSize *= 2
		},
		"of a store that has it otherwise": func(r *rig, s *Seen) {
			s.Own = content.FullBitmap(3)
			r.files[s.File] = *s
		},
	} {
		r := newRig(t, 4)
		s := r.file(1, 6, 2, 0, 1, 2, 3, 4, 5)
		change(r, &s)
		r.ask(s, 0, false)
		if a := one[Answer](r); a.Has.Count() != 0 || a.Has.Len() != 6 || a.Pledge.Count() != 0 || a.Pledge.Len() != 6 || a.Failed {
			t.Errorf("%s: %+v", why, a)
		}
	}
	r := newRig(t, 4)
	s := r.file(1, 6, 2, 0, 1)
	s.Live = false
	r.files[s.File] = s
	r.ask(s, 0, false)
	if a := one[Answer](r); a.Has.Count() != 2 || a.Pledge.Count() != 0 {
		t.Errorf("of a file in the trash: %+v", a)
	}
	r.unreadable[s.File] = true
	r.ask(s, 0, false)
	if a := one[Answer](r); !a.Failed {
		t.Errorf("of a file that cannot be read: %+v", a)
	}
}

// A node that has not heard what the asker said holds nothing that counts, whatever
// lies on its disk: with the asker the name would be lost.
func TestWhoHasNotHeardHoldsNothing(t *testing.T) {
	r := newRig(t, 4)
	s := r.file(1, 6, 2, 0, 1, 2, 3, 4, 5)
	r.ask(s, 3, false)
	if a := one[Answer](r); a.Has.Count() != 0 || a.Pledge.Count() != 0 {
		t.Errorf("%+v", a)
	}
	r.tell(Named{Heard: []Position{{Author: node(1), Upto: 3}}})
	r.ask(s, 3, false)
	if a := one[Answer](r); !a.Has.Full() {
		t.Errorf("when it has heard: %+v", a)
	}
	r.tell(Asked{Call: r.call(), From: node(2), File: s.File, Chunks: 6, Upto: 3, Heard: 3})
	if a := one[Answer](r); !a.Has.Full() {
		t.Errorf("when the runner knows that it has heard: %+v", a)
	}
}

// An answer to somebody who waits for copies is held back until this node has heard of
// the name and has its part, but not for long.
func TestAnswersAreHeldBack(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 6, 3)
	call := r.ask(s, 1, true)
	none[Answer](r, "answered before the name came")
	r.name(s, node(1))
	f := one[Fetch](r)
	none[Answer](r, "answered before its part came")
	r.pass(AnswerWithin / 2)
	none[Answer](r, "answered before its part came")
	s.Own = content.FullBitmap(6)
	r.files[s.File] = s
	r.tell(Fetched{Op: f.Op, Outcome: Done})
	if a := one[Answer](r); a.Call != call || !a.Has.Full() {
		t.Errorf("%+v", a)
	}
	r.file(2, 6, 3)
	other := r.files[shoal.FileID{2}]
	r.ask(other, 9, true)
	r.pass(AnswerWithin - time.Millisecond)
	none[Answer](r, "answered too soon")
	r.pass(2 * time.Millisecond)
	if a := one[Answer](r); a.Has.Count() != 0 {
		t.Errorf("the name never came: %+v", a)
	}
	gone := r.ask(other, 9, true)
	r.tell(HungUp{Call: gone})
	r.pass(2 * AnswerWithin)
	none[Answer](r, "answered one who is gone")
}

// A file of which this node need hold nothing is not waited for.
func TestNoPartToWaitFor(t *testing.T) {
	r := newRig(t, 8)
	s := r.file(1, 1, 1)
	for n := byte(1); r.held(s, self).Count() > 0; n++ {
		s = r.file(n, 1, 1)
	}
	r.name(s, node(1))
	r.ask(s, 0, true)
	one[Answer](r)
}

// Nobody waits any more at the end of the time for which somebody is taken to wait.
func TestWaitsEnd(t *testing.T) {
	r := newRig(t, 4)
	s := r.file(1, 12, 2)
	s.Own = r.held(s, self)
	r.files[s.File] = s
	for i := 1; i < 3; i++ {
		r.peers[i].Up, r.peers[i].Since = false, r.now.Mono
	}
	r.nodes()
	r.m.awaited[s.File] = r.now.Mono + 1
	r.now.Mono++
	r.lookAgain(s)
	none[Fetch](r, "stands in although nobody waits any more")
	r.ask(r.file(2, 12, 2), 0, true)
	if _, known := r.m.awaited[s.File]; known {
		t.Error("it is remembered that somebody waited")
	}
}

// While a holder is away, somebody who waits for copies has the next in order stand
// in for it: for as long as somebody waits.
func TestStandsInWhileSomebodyWaits(t *testing.T) {
	r := newRig(t, 4)
	s := r.file(1, 12, 2)
	s.Own = r.held(s, self)
	r.files[s.File] = s
	r.ask(s, 0, true)
	r.pass(time.Second)
	none[Fetch](r, "stands in although nobody is away")
	r.drop()
	for i := 1; i < 3; i++ {
		r.peers[i].Up, r.peers[i].Since = false, r.now.Mono
	}
	r.nodes()
	none[Fetch](r, "stands in although nobody waits")
	r.ask(s, 0, true)
	f := one[Fetch](r)
	for c := range f.Chunks.All {
		if s.Own.Has(c) {
			t.Errorf("chunk %d is here", c)
		}
	}
	r.tell(Fetched{Op: f.Op, Outcome: Failed})
	r.pass(awaitedFor)
	take[Fetch](r)
	r.tell(Recheck{All: true})
	r.pass(maxRetryAfter)
	none[Fetch](r, "stands in although nobody waits any more")
	r.ask(r.file(2, 12, 2), 0, true)
	if _, known := r.m.awaited[s.File]; known {
		t.Error("it is remembered for good that somebody waited")
	}
}
