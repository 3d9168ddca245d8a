package reconcile

import (
	"testing"
	"time"

	"shoal"
)

// unnamed is a file that lost its last name now.
func (r *rig) unnamed(chunks int) Seen {
	r.t.Helper()
	s := r.file(2, chunks, 2, 0, 1)
	s.Live, s.Since = false, r.now.Wall
	r.files[s.File] = s
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	return s
}

// A file without a name is deleted, with all that the store knows of it, when its
// time in the trash is over: within a rescan.
func TestRemovedFilesGo(t *testing.T) {
	r := newRig(t, 2)
	s := r.unnamed(2)
	r.pass(r.m.cfg.Trash - time.Minute)
	none[Delete](r, "deleted within the trash time")
	r.pass(RescanEvery + time.Minute)
	d := one[Delete](r)
	if !d.Whole || d.Why != Removed || d.File != s.File {
		t.Errorf("%+v", d)
	}
}

// A file that gets a name again, and loses that too, is kept for the whole time from
// then on.
func TestTheTrashTimeBeginsAnew(t *testing.T) {
	r := newRig(t, 2)
	r.m.cfg.Trash = 50 * time.Minute // the wall clock is not believed for an hour
	s := r.unnamed(2)
	half := r.m.cfg.Trash / 2
	r.pass(half)
	named := s
	named.Live = true
	r.files[s.File] = named
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	r.files[s.File] = s // removed again: the catalogue's time is the same if its clock was put back
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	r.pass(half + RescanEvery)
	none[Delete](r, "deleted before its second time in the trash was over")
	r.pass(half + RescanEvery)
	one[Delete](r)
}

// Files that no name ever meant go after the same time, but not while names may be
// missing.
func TestGarbageGoes(t *testing.T) {
	r := newRig(t, 2)
	s := Seen{File: shoal.FileID{3}, Here: true, Own: set(3, 0, 2)}
	r.stray[s.File] = s
	r.incomplete = true
	r.pass(2 * r.m.cfg.Trash)
	none[Delete](r, "deleted while names may be missing")
	r.incomplete = false
	r.pass(r.m.cfg.Trash - RescanEvery)
	none[Delete](r, "deleted before its time")
	r.pass(2 * RescanEvery)
	d := one[Delete](r)
	if d.Whole || d.Why != Garbage || d.Chunks.Count() != 2 {
		t.Errorf("%+v", d)
	}
	delete(r.stray, s.File)
	r.tell(Deleted{Op: d.Op})
	r.pass(RescanEvery)
	none[Delete](r, "deleted again")
}

// dueFile is a removed file whose time is over at the next look.
func dueFile(t *testing.T) (*rig, Seen) {
	r := newRig(t, 2)
	r.m.cfg.Trash = time.Second
	s := r.unnamed(2)
	r.pass(time.Second)
	return r, s
}

func (r *rig) lookAgain(s Seen) {
	r.t.Helper()
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
}

func TestFilesWithoutNamesStay(t *testing.T) {
	for why, spoil := range map[string]func(*rig, Seen){
		"while a file is stored": func(r *rig, s Seen) {
			r.tell(TakeIn{Call: r.call()})
			one[Admit](r)
		},
		"while it is being fetched":     func(r *rig, s Seen) { r.m.keeper.Come(s.File) },
		"after the process stood still": func(r *rig, s Seen) { r.halt(2 * time.Minute) },
		"if nothing of it is here": func(r *rig, s Seen) {
			s.Here = false
			r.files[s.File] = s
		},
	} {
		t.Run(why, func(t *testing.T) {
			r, s := dueFile(t)
			spoil(r, s)
			r.lookAgain(s)
			none[Delete](r, "deleted")
		})
	}
	r, s := dueFile(t)
	r.lookAgain(s)
	one[Delete](r)
}

// A file without a name is deleted once, and while it goes it is not here.
func TestDismissedOnce(t *testing.T) {
	r, s := dueFile(t)
	r.lookAgain(s)
	one[Delete](r)
	r.pass(2 * time.Second)
	r.lookAgain(s)
	r.pass(2 * time.Second)
	r.lookAgain(s)
	none[Delete](r, "deleted twice at once")
	r.tell(Asked{Call: r.call(), From: node(1), File: s.File, Chunks: 2})
	if a := one[Answer](r); a.Has.Count() != 0 {
		t.Errorf("it is being deleted, and %d chunks are here", a.Has.Count())
	}
}

// A file is looked at once more before it goes: one that was named meanwhile stays.
func TestNamedJustInTime(t *testing.T) {
	for why, now := range map[string]func(*rig, Seen) Seen{
		"named":      func(_ *rig, s Seen) Seen { s.Live = true; return s },
		"unreadable": func(_ *rig, s Seen) Seen { return Seen{File: s.File, Failed: true} },
	} {
		r, s := dueFile(t)
		r.slow = true
		r.lookAgain(s)
		r.tell(Looked{Op: one[Look](r).Op, Files: []Seen{s}, Free: r.free})
		confirm := one[Look](r)
		call := r.call()
		r.tell(TakeIn{Call: call})
		none[Admit](r, "a file is stored while one without a name may go")
		r.tell(Looked{Op: confirm.Op, Files: []Seen{now(r, s)}, Free: r.free})
		none[Delete](r, why)
		if one[Admit](r).Call != call {
			t.Errorf("%s: whoever wants to store a file waits on", why)
		}
	}
}

// Whoever stores a file waits until no file without a name is being deleted.
func TestStoringWaitsForDeletes(t *testing.T) {
	r, s := dueFile(t)
	r.lookAgain(s)
	d := one[Delete](r)
	first, second := r.call(), r.call()
	r.tell(TakeIn{Call: first})
	r.tell(TakeIn{Call: second})
	r.tell(HungUp{Call: second})
	none[Admit](r, "admitted during a delete")
	delete(r.files, s.File)
	r.tell(Deleted{Op: d.Op})
	if one[Admit](r).Call != first {
		t.Error("another was admitted")
	}
	r.tell(Deleted{Op: d.Op}) // which is over
	t2 := r.unnamed(2)
	r.pass(2 * time.Second)
	r.lookAgain(t2)
	none[Delete](r, "deleted while a file is stored")
	r.tell(TakenIn{Call: first})
	r.lookAgain(t2)
	r.pass(2 * time.Second)
	r.lookAgain(t2)
	one[Delete](r)
}

// A caller that hangs up while it stores a file does not hold up deletes for good.
func TestHungUpStoresNothing(t *testing.T) {
	r, s := dueFile(t)
	call := r.call()
	r.tell(TakeIn{Call: call})
	r.tell(HungUp{Call: call})
	r.lookAgain(s)
	one[Delete](r)
}
