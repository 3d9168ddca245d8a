package reconcile

import (
	"slices"
	"testing"
	"time"

	"shoal"
)

// A node that connects is asked for chunks that no node had, whether another node has
// a connection or not; a connection that stays is no reason to ask.
func TestOnlyANewConnectionIsAsked(t *testing.T) {
	r := newRig(t, 4)
	r.peers[1].Linked = true
	r.nodes()
	s := r.file(1, 12, 3)
	r.tell(Named{Files: []Name{{File: s.File}}})
	r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: Nobody})
	r.nodes()
	none[Fetch](r, "asked again, and the same node is connected")
	r.peers[2].Linked = true
	r.nodes()
	one[Fetch](r)
}

// Only the holders of a file are asked for it. While a node is away or full, or this
// one refused chunks, any other node that is up may stand in, so all are asked.
func TestWhoIsAskedForCopies(t *testing.T) {
	const nodes = 8
	for why, c := range map[string]struct {
		change func(*rig, shoal.FileID)
		least  int
		most   int
	}{
		"all are well":            {func(*rig, shoal.FileID) {}, 1, 2},
		"a node is full":          {func(r *rig, _ shoal.FileID) { r.peers[7].Report.Refused = 1 }, nodes - 1, nodes - 1},
		"a node is away":          {func(r *rig, _ shoal.FileID) { r.peers[7].Up, r.peers[7].Since = false, r.now.Mono }, nodes - 2, nodes - 2},
		"chunks are refused here": {func(r *rig, id shoal.FileID) { r.m.refused[id] = true }, nodes - 1, nodes - 1},
	} {
		r := newRig(t, nodes)
		s := r.file(1, 1, 2, 0)
		c.change(r, s.File)
		r.nodes()
		r.drop()
		r.add(s)
		to := one[Ask](r).To
		if len(to) < c.least || len(to) > c.most || slices.Contains(to, self) {
			t.Errorf("%s: %v are asked, want %d to %d nodes", why, to, c.least, c.most)
		}
	}
}

// A machine with nothing to do is woken once a pulse, and never asks twice for the
// same moment.
func TestAQuietMachineSleeps(t *testing.T) {
	r := newRig(t, 2)
	r.pass(time.Minute)
	for range 20 {
		r.pass(r.wake - r.now.Mono)
		if r.wake != r.now.Mono+pulse {
			t.Fatalf("at %v it is woken at %v", r.now.Mono, r.wake)
		}
	}
	for _, a := range r.m.Step(r.now, Passed{Log: [8]byte{r.log}, Free: r.free}) {
		if w, again := a.(Wake); again {
			t.Errorf("asks again to be woken at %v", w.At)
		}
	}
}

// sleeps lets the machine sleep until a moment, at which it must be woken, and no more
// often before than once a pulse.
func (r *rig) sleeps(until time.Duration) {
	r.t.Helper()
	for most := 1 + (until-r.now.Mono)/pulse; r.now.Mono < until; most-- {
		if r.wake > until || most < 0 {
			r.t.Fatalf("at %v it is woken at %v, and %v matters", r.now.Mono, r.wake, until)
		}
		r.pass(r.wake - r.now.Mono)
	}
}

// The machine is woken when the time for an answer is over, when a held answer is due,
// and when the next round of an add is.
func TestWakesForWhoWaits(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	r.pass(time.Minute + 300*time.Millisecond)
	r.add(s)
	one[Ask](r)
	r.sleeps(r.now.Mono + HoldTimeout)
	none[Ask](r, "asked again at once")
	r.sleeps(r.now.Mono + FirstAsk)
	one[Ask](r)

	r = newRig(t, 3)
	r.pass(time.Minute + 300*time.Millisecond)
	r.ask(s, 9, true)
	r.sleeps(r.now.Mono + AnswerWithin)
	one[Answer](r)
}
