package reconcile

import (
	"slices"
	"testing"
	"time"

	"shoal"
	"shoal/internal/redundancy/safety"
)

// A node is done when it has looked at every file by this census and this journal. The
// report says of which it is.
func TestDoneIsProven(t *testing.T) {
	r := newRig(t, 3)
	if a := r.report(); !a.Done || a.Map != r.m.view.In.Digest() || a.Log != [8]byte{r.log} {
		t.Fatalf("%+v", a)
	}
	r.slow = true
	for what, change := range map[string]func(){
		"a node goes":        func() { r.peers = r.peers[:2]; r.nodes() },
		"a node is full":     func() { r.peers[1].Report.Refused = 1; r.nodes() },
		"all are looked at":  func() { r.tell(Recheck{All: true}) },
		"a file is named":    func() { r.name(Seen{File: shoal.FileID{8}}, node(1)) },
		"the catalogue lags": func() { r.tell(Passed{Late: true}) },
	} {
		for len(r.asked) > 0 || r.m.busy() {
			asked := r.asked
			r.drop()
			for _, a := range asked {
				r.look(a)
			}
		}
		r.tell(Passed{Log: [8]byte{r.log}, Free: r.free})
		if !r.m.account().Done {
			t.Fatalf("before %s: not done", what)
		}
		change()
		if r.m.account().Done {
			t.Errorf("%s, and it is done before it has looked", what)
		}
	}
}

// A routine look at all files, or one that goes through quickly, changes no report;
// a lasting one is told.
func TestReportsDoNotFlicker(t *testing.T) {
	r := newRig(t, 2)
	r.pass(time.Minute)
	r.drop()
	r.slow = true
	r.m.sweep.next = r.now.Mono
	r.pass(reportEvery)
	for _, report := range take[Report](r) {
		if !report.Account.Done {
			t.Error("a routine look makes it undone")
		}
	}
	r.tell(Recheck{Files: []shoal.FileID{{1}}})
	none[Report](r, "reported that a file is looked at")
	r.sleeps(r.m.saidBy())
	reports := take[Report](r)
	if len(reports) == 0 || reports[len(reports)-1].Account.Done {
		t.Error("not reported, and it takes long")
	}
	take[Look](r)
}

// A report is made every few seconds, and at once when all is decided on and has
// changed.
func TestReportsAreRegular(t *testing.T) {
	r := newRig(t, 2)
	r.pass(reportEvery)
	r.drop()
	r.pass(time.Minute)
	if n := len(take[Report](r)); n != int(time.Minute/reportEvery) {
		t.Errorf("%d reports in a minute", n)
	}
	r.log++
	r.tell(Passed{Log: [8]byte{r.log}, Free: fullBelow})
	if got := one[Report](r); !got.Full || got.Free != fullBelow || got.Account.Log != [8]byte{r.log} {
		t.Errorf("%+v", got)
	}
	r.free = fullBelow + 1
	r.pass(reportEvery)
	if got := take[Report](r); got[len(got)-1].Full {
		t.Errorf("%+v is not full", got)
	}
}

// A file that cannot be read does not end the look at the others. As long as it cannot
// be read this node does not say that it has all it should.
func TestOneUnreadableFileHidesNothing(t *testing.T) {
	r := newRig(t, 1)
	bad, good := r.file(1, 2, 1), r.file(2, 2, 1)
	r.unreadable[bad.File] = true
	r.tell(Recheck{All: true})
	if f := one[Fetch](r); f.File.File != good.File {
		t.Errorf("%+v", f)
	}
	good.Own = set(2, 0, 1)
	r.files[good.File] = good
	r.m.handle(Fetched{Op: 1<<63 - 1}) // nobody's
	for op := range r.m.pulls.running {
		r.tell(Fetched{Op: op})
	}
	r.pass(time.Minute)
	if a := r.report(); a.Done {
		t.Errorf("%+v, and a file cannot be read", a)
	}
	delete(r.unreadable, bad.File)
	r.pass(maxRetryAfter)
	f := one[Fetch](r)
	bad.Own = set(2, 0, 1)
	r.files[bad.File] = bad
	r.tell(Fetched{Op: f.Op})
	if a := r.report(); !a.Done {
		t.Errorf("%+v, and all is here", a)
	}
}

// A catalogue that cannot be listed is listed again, and until then nothing is done.
func TestAFailedSweepIsRepeated(t *testing.T) {
	for _, routine := range []bool{true, false} {
		r := newRig(t, 1)
		r.broken = true
		if routine {
			r.m.sweep.next = r.now.Mono
			r.pass(time.Second)
		} else {
			r.tell(Recheck{All: true})
		}
		if a := r.report(); a.Done {
			t.Errorf("routine %v: done, and the catalogue cannot be read", routine)
		}
		r.broken = false
		r.pass(RetryAfter)
		if a := r.report(); !a.Done {
			t.Errorf("routine %v: not done when it can be read again", routine)
		}
	}
}

// All files are looked at after a change of the census, again and again, however many
// pages they are.
func TestEveryFileIsLookedAt(t *testing.T) {
	r := newRig(t, 2)
	for n := range byte(7) {
		r.file(n+1, 1, 2)
	}
	r.peers = append(r.peers, r.peers[1])
	r.peers[2].ID = node(2)
	r.nodes()
	want := 0
	for _, s := range r.files {
		want += r.held(s, self).Count()
	}
	if got := len(take[Fetch](r)); got != want || want == 0 {
		t.Errorf("%d of %d files are fetched", got, want)
	}
	r2 := newRig(t, 1)
	r2.file(1, 1, 1)
	r2.pass(RescanEvery)
	one[Fetch](r2)
}

// More news than are kept one by one make all files looked at.
func TestMuchNewsIsASweep(t *testing.T) {
	r := newRig(t, 1)
	r.slow = true
	var names []Name
	for i := range newsLimit + 1 {
		names = append(names, Name{File: shoal.FileID{1, byte(i >> 8), byte(i)}})
	}
	r.tell(Named{Files: names[:newsLimit]})
	none[List](r, "all are looked at")
	l := one[Look](r)
	if len(l.Files) != lookBatch {
		t.Errorf("%d files are looked at at once", len(l.Files))
	}
	r.tell(Named{Files: names})
	one[List](r)
	if len(r.m.backlog.news) != 0 {
		t.Errorf("%d single files are kept", len(r.m.backlog.news))
	}
}

// What others read of the machine: who is up, who is away, and what proves nothing.
func TestState(t *testing.T) {
	r := newRig(t, 4)
	r.report()
	o := Outside{Log: [8]byte{r.log}, Wanted: map[int]int{2: 1}}
	s := r.m.State().Shoal(r.now, r.m.cfg, o)
	if !s.Own.Done || !s.Keeps || s.Asleep || len(s.Others) != 3 || len(s.Away) != 0 || s.Braked || s.Delay != 0 {
		t.Fatalf("%+v", s)
	}
	o.Log[0]++
	if r.m.State().Shoal(r.now, r.m.cfg, o).Own.Done {
		t.Error("done by another journal")
	}
	r.peers[1].Up, r.peers[1].Alive, r.peers[1].Since = false, false, r.now.Mono
	r.nodes()
	s = r.m.State().Shoal(r.now, r.m.cfg, o)
	if !slices.Equal(s.Away, []string{"n1"}) || s.Delay != time.Minute || len(s.Others) != 3 || s.Others[0].Up || !s.Others[1].Up {
		t.Errorf("with n1 away: %+v", s)
	}
	before := r.m.State()
	r.peers = r.peers[1:]
	r.nodes()
	s = r.m.State().Shoal(r.now, r.m.cfg, o)
	if s.Keeps || len(s.Others) != 3 {
		t.Errorf("without itself: %+v", s)
	}
	if before.View.In.Len() != 4 {
		t.Error("a state that was read has changed")
	}
}

// A node that stood still knows nothing of now: at once, and until it has heard again.
func TestAsleep(t *testing.T) {
	r := newRig(t, 2)
	asleep := func() bool { return r.m.State().Shoal(r.now, r.m.cfg, Outside{}).Asleep }
	r.halt(stall)
	if asleep() {
		t.Error("a gap of 3 s is no halt")
	}
	r.tell(Passed{})
	if asleep() {
		t.Error("a gap of 3 s between two steps is no halt")
	}
	r.pass(time.Second)
	r.halt(stall + 1)
	if !asleep() {
		t.Error("right after a halt it believes what it knew")
	}
	r.tell(Passed{})
	r.pass(r.m.cfg.Waking - time.Millisecond)
	if !asleep() {
		t.Error("soon after a halt it believes what it knew")
	}
	r.pass(time.Millisecond)
	if asleep() {
		t.Error("it never wakes")
	}
	r.now.Wall = r.now.Wall.Add(time.Minute)
	r.tell(Passed{})
	if !asleep() {
		t.Error("its machine slept, and it believes what it knew")
	}
}

// A node that has just started reports at once, and is not asleep.
func TestAStart(t *testing.T) {
	r := newRig(t, 1)
	r.now.Mono = time.Second
	r.m, r.slow = New(r.m.cfg, r.now), true
	r.tell(Nodes{Storage: r.peers})
	one[Report](r)
	r.pass(time.Second)
	if r.m.State().Shoal(r.now, r.m.cfg, Outside{}).Asleep {
		t.Error("it has not stood still, and is asleep")
	}
}

// How fast all nodes together copy is told by how fast the bytes become fewer that
// they lack, however often reports are made.
func TestRate(t *testing.T) {
	r := newRig(t, 2)
	r.pass(sampleEvery)
	left := uint64(100_000)
	copying := func(bytes uint64, seconds int) {
		for range seconds {
			left -= bytes
			r.peers[1].Report.Bytes = left
			r.peers[0].Report.Bytes = 77 * left // its own report as others have it
			r.log++
			r.tell(Passed{Log: [8]byte{r.log}, Free: r.free}) // makes a report
			r.nodes()
			r.pass(time.Second)
		}
	}
	rate := func() float64 { return r.m.State().Rate }
	if rate() != 0 {
		t.Errorf("%v bytes a second when there is nothing to copy", rate())
	}
	copying(20, 30)
	if got := rate(); got < 19 || got > 21 {
		t.Errorf("%v bytes a second, want 20", got)
	}
	copying(0, 2*progressSamples*int(sampleEvery/time.Second))
	if rate() != 0 || len(r.m.progress.samples) != progressSamples {
		t.Errorf("%v bytes a second by %d samples, and nothing is copied", rate(), len(r.m.progress.samples))
	}
	copying(20, 60)
	left *= 2
	copying(0, 6)
	if rate() != 0 {
		t.Errorf("%v bytes a second when there is more to do", rate())
	}
}

// A node that runs for one command answers, and does nothing else. It is woken once a
// pulse, for it makes no report.
func TestEphemeral(t *testing.T) {
	r := newRig(t, 3)
	r.m = New(Config{Self: self, Ephemeral: true, Rescan: RescanEvery}, r.now)
	r.nodes()
	s := r.file(1, 6, 3, 0, 1)
	r.name(s, node(1))
	r.tell(Recheck{All: true})
	r.pass(time.Hour)
	if len(r.asked) > 0 {
		t.Errorf("it does %+v", r.asked)
	}
	r.sleeps(r.now.Mono + 10*pulse)
	r.ask(s, uint64(r.log), true)
	if a := one[Answer](r); a.Has.Count() != 2 {
		t.Errorf("%+v", a)
	}
}

// What is missing here is told to a caller who asks, without any change.
func TestExamine(t *testing.T) {
	r := newRig(t, 2)
	s := r.file(1, 4, 2, 0)
	r.tell(Examine{Call: 3, File: s.File})
	if e := one[Examined](r); e.Call != 3 || e.Lacking.Count() != 3 || e.Lacking.Has(0) || e.Failed {
		t.Errorf("%+v", e)
	}
	r.free = 0
	r.pass(time.Second)
	r.tell(Examine{Call: 4, File: s.File})
	r.everyone(one[Ask](r))
	if e := one[Examined](r); e.Lacking.Count() != 3 {
		t.Errorf("where there is no room: %+v", e) // one other node is not enough for two copies
	}
	none[Fetch](r, "fetched")
	if a := r.m.account(); a.Files != 0 || a.Refused != 0 || !a.Done {
		t.Errorf("%+v", a)
	}
	for why, change := range map[string]func(*Seen){
		"in the trash": func(s *Seen) { s.Live = false }, "linked": func(s *Seen) { s.Copies = 0 },
	} {
		changed := s
		change(&changed)
		r.files[s.File] = changed
		r.tell(Examine{Call: 5, File: s.File})
		if e := one[Examined](r); e.Lacking.Count() != 0 || e.Failed {
			t.Errorf("%s: %+v", why, e)
		}
	}
	r.unreadable[s.File] = true
	r.tell(Examine{Call: 6, File: s.File})
	if !one[Examined](r).Failed {
		t.Error("it is not told that the file cannot be read")
	}
}

// A file that names no longer mean, or never did, is none that this node lacks.
func TestForgottenFiles(t *testing.T) {
	for why, change := range map[string]func(*rig, Seen){
		"its name is void": func(r *rig, s Seen) { delete(r.files, s.File) },
		"removed":          func(r *rig, s Seen) { s.Live = false; r.files[s.File] = s },
	} {
		r := newRig(t, 2)
		s := r.file(1, 4, 2)
		r.name(s, node(1))
		r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: Failed})
		change(r, s)
		r.lookAgain(s)
		if a := r.report(); a != (safety.Account{Map: a.Map, Log: a.Log, Done: true}) {
			t.Errorf("%s: %+v", why, a)
		}
		r.pass(2 * maxRetryAfter)
		none[Fetch](r, "fetched")
	}
}

// The machine is woken often enough to find out that it stood still, and at each
// moment that matters.
func TestWakes(t *testing.T) {
	r := newRig(t, 4)
	r.pass(time.Minute)
	if r.wake > r.now.Mono+pulse || r.wake <= r.now.Mono {
		t.Errorf("at %v it is woken at %v", r.now.Mono, r.wake)
	}
	r.peers[1].Up, r.peers[1].Since = false, r.now.Mono-time.Minute+300*time.Millisecond
	r.nodes()
	if want := r.now.Mono + 300*time.Millisecond; r.wake != want {
		t.Errorf("a node is given up at %v, and it is woken at %v", want, r.wake)
	}
	r.pass(300 * time.Millisecond)
	if r.m.view.In.Len() != 3 {
		t.Error("the node counts on")
	}
}
