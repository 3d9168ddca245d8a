package reconcile

import "testing"

// The next look at every file begins a rescan after the last began, and a page that
// could not be read is read again after RetryAfter: neither later.
func TestSweepsAreInTime(t *testing.T) {
	r := newRig(t, 1)
	r.slow = true
	r.pass(r.m.sweep.next - r.now.Mono)
	l := one[List](r)
	if want := r.now.Mono + RescanEvery; r.m.sweep.next != want {
		t.Errorf("the next is at %v, want %v", r.m.sweep.next, want)
	}
	r.tell(Listed{Op: l.Op, Failed: true})
	none[List](r, "read again at once")
	r.pass(RetryAfter)
	one[List](r)
}

// What a sweep has read of a file before its chunks changed is not believed.
func TestASweepDoesNotHideDamage(t *testing.T) {
	r := newRig(t, 1)
	s := r.file(1, 4, 1, 0, 1, 2, 3)
	r.slow = true
	r.tell(Recheck{All: true})
	l, before := one[List](r), s
	s.Own = set(4, 0, 1, 2)
	r.files[s.File] = s
	r.tell(Damaged{File: s.File, Chunks: 1})
	r.look(one[Look](r))
	one[Fetch](r)
	r.tell(Listed{Op: l.Op, Files: []Seen{before}, Free: r.free})
	if a := r.m.account(); a.Files != 1 {
		t.Errorf("%+v, and a chunk is missing", a)
	}
}
