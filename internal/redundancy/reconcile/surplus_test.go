package reconcile

import (
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// surplusFile is a file of which this node has everything, and need hold only a
// part, when it is known as that.
func (r *rig) surplusFile() Seen {
	r.t.Helper()
	s := r.file(1, 6, 2, 0, 1, 2, 3, 4, 5)
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	if !r.m.surplus[s.File] {
		r.t.Fatal("nothing of it is surplus")
	}
	return s
}

// trimmed lets the next look at surplus come, and returns its question.
func (r *rig) trimmed() Ask {
	r.t.Helper()
	r.pass(TrimEvery)
	return one[Ask](r)
}

// Surplus goes when enough others pledge it, and only the surplus.
func TestSurplusGoesOnPledges(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	ask := r.trimmed()
	none[Delete](r, "deleted before the answers")
	r.everyone(ask)
	d := one[Delete](r)
	if d.Whole || d.Why != Surplus || d.File != s.File {
		t.Errorf("%+v", d)
	}
	held := r.held(s, self)
	for c := range 6 {
		if d.Chunks.Has(c) == held.Has(c) {
			t.Errorf("chunk %d: deleted %v, to be held %v", c, d.Chunks.Has(c), held.Has(c))
		}
	}
	r.file(1, 6, 2)
	r.files[s.File] = func() Seen { s.Own = held; return s }()
	r.tell(Deleted{Op: d.Op})
	if r.m.surplus[s.File] {
		t.Error("it is still surplus")
	}
}

func TestSurplusStaysWithoutPledges(t *testing.T) {
	for why, answers := range map[string]func(*rig, Ask){
		"nobody answers": func(r *rig, _ Ask) { r.pass(HoldTimeout) },
		"they fail": func(r *rig, a Ask) {
			for _, id := range a.To {
				r.tell(Answered{Op: a.Op, From: id, Failed: true})
			}
		},
		"they have it and do not pledge": func(r *rig, a Ask) {
			for _, id := range a.To {
				r.answer(a, id, content.FullBitmap(a.Chunks), set(a.Chunks))
			}
		},
		"one pledges": func(r *rig, a Ask) {
			r.answer(a, a.To[0], content.FullBitmap(a.Chunks), content.FullBitmap(a.Chunks))
			r.pass(HoldTimeout)
		},
		"one answers twice": func(r *rig, a Ask) {
			r.answer(a, a.To[0], content.FullBitmap(a.Chunks), content.FullBitmap(a.Chunks))
			r.answer(a, a.To[0], content.FullBitmap(a.Chunks), content.FullBitmap(a.Chunks))
			r.pass(HoldTimeout)
		},
		"strangers answer": func(r *rig, a Ask) {
			for _, id := range []shoal.NodeID{"x", "y", self} {
				r.answer(a, id, content.FullBitmap(a.Chunks), content.FullBitmap(a.Chunks))
			}
			r.pass(HoldTimeout)
		},
		"the answers are of another cut": func(r *rig, a Ask) {
			for _, id := range a.To {
				r.answer(a, id, content.FullBitmap(1), content.FullBitmap(1))
			}
		},
		"the process stood still": func(r *rig, a Ask) {
			r.halt(2*HoldTimeout + 1)
			r.everyone(a)
		},
		"the machine slept": func(r *rig, a Ask) {
			r.now.Wall = r.now.Wall.Add(trim.Asleep + 1)
			r.everyone(a)
		},
		"it has pledged its own": func(r *rig, a Ask) {
			r.m.keeper.Give(r.now.Mono, a.File, content.FullBitmap(a.Chunks), repair.Need{Pull: set(a.Chunks), Surplus: set(a.Chunks)})
			r.everyone(a)
		},
	} {
		t.Run(why, func(t *testing.T) {
			r := newRig(t, 4)
			r.surplusFile()
			answers(r, r.trimmed())
			none[Delete](r, "surplus is deleted")
		})
	}
}

// Answers that come within twice the time of a question count, for then the process
// has not stood still for long.
func TestLateAnswersCount(t *testing.T) {
	r := newRig(t, 4)
	r.surplusFile()
	ask := r.trimmed()
	r.halt(HoldTimeout - 1)
	r.everyone(ask)
	one[Delete](r)
}

// A pledge is as old as the question, not as the answer.
func TestPledgesAreDatedByTheQuestion(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	r.pass(TrimEvery)
	asked := r.now.Mono
	var replies []reply
	r.m.asking.ask(query{to: []shoal.NodeID{node(1)}, file: fileOf(s)}, func(all []reply) { replies = all })
	q := r.m.asking.order[len(r.m.asking.order)-1]
	r.halt(3 * time.Second)
	r.tell(Answered{Op: q.op, From: node(1), Has: set(6), Pledge: set(6, 1)})
	given := pledges(replies)
	if len(given) != 1 || given[0].Asked != asked || given[0].From != node(1) || !given[0].Chunks.Has(1) {
		t.Errorf("asked at %v: %+v", asked, given)
	}
}

// Nothing is deleted for a while after the census changed, nor while fewer than half
// of the nodes answer.
func TestSurplusWaitsForTheCensus(t *testing.T) {
	r := newRig(t, 5)
	r.surplusFile()
	r.peers = r.peers[:4]
	r.nodes()
	r.pass(r.m.cfg.TrimDelay - TrimEvery)
	none[Ask](r, "asked about surplus after a change of the census")
	r.pass(2 * TrimEvery)
	if len(take[Ask](r)) == 0 {
		t.Error("never asks again")
	}
	for i := 1; i < 4; i++ {
		r.peers[i].Up, r.peers[i].Since = false, r.now.Mono
	}
	r.nodes()
	r.drop()
	r.pass(20 * time.Minute)
	none[Ask](r, "asked although most nodes are away")
}

// A file that cannot be read does not hold up the others for good.
func TestUnreadableSurplusIsPassedOver(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	r.unreadable[s.File] = true
	r.pass((trimWidth + 1) * TrimEvery)
	none[Ask](r, "asked about a file that cannot be read")
	delete(r.unreadable, s.File)
	r.trimmed()
}

// Only so many files are asked about at once; the others follow as the answers come.
func TestSurplusIsAskedAboutInTurn(t *testing.T) {
	r := newRig(t, 4)
	files := r.bulk(0, 4*trimWidth)
	for _, id := range files {
		s := r.files[id]
		s.Copies = 1
		r.files[id] = s
	}
	r.tell(Recheck{Files: files})
	all := len(r.m.surplus)
	if all <= trimWidth+1 {
		t.Fatalf("%d files have surplus", all)
	}
	r.pass(TrimEvery)
	for answered := range all {
		open := take[Ask](r)
		if want := min(trimWidth, all-answered); len(open) != want {
			t.Fatalf("after %d answers %d files are asked about, want %d", answered, len(open), want)
		}
		r.answerAll(open[0], set(1))
		r.tell(Passed{Free: r.free})
		r.asked = append(r.asked, actions(open[1:])...)
	}
}

func actions(asks []Ask) (all []Action) {
	for _, a := range asks {
		all = append(all, a)
	}
	return all
}

// What goes is not here any more: this node neither says that it has it nor pledges
// it, and counts it as gone when it is deleted.
func TestLeavingChunksAreNotHere(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	r.everyone(r.trimmed())
	d := one[Delete](r)
	r.tell(Asked{Call: r.call(), From: node(1), File: s.File, Chunks: 6})
	a := one[Answer](r)
	for c := range d.Chunks.All {
		if a.Has.Has(c) || a.Pledge.Has(c) {
			t.Errorf("chunk %d is being deleted: has %v, pledged %v", c, a.Has.Has(c), a.Pledge.Has(c))
		}
	}
	if a.Has.Count() != 6-d.Chunks.Count() || a.Pledge.Count() != a.Has.Count() {
		t.Errorf("has %d, pledges %d, of 6 less %d", a.Has.Count(), a.Pledge.Count(), d.Chunks.Count())
	}
	r.everyone(r.trimmed())
	none[Delete](r, "deleted twice at once")
}

// A file that is named, or loses a chunk, while it is asked about keeps its surplus for
// now: more copies may be wanted than the answers prove.
func TestSurplusStaysWhenTheFileChanges(t *testing.T) {
	for why, change := range map[string]func(*rig, Seen){
		"named again": func(r *rig, s Seen) { r.name(s, node(1)) },
		"damaged":     func(r *rig, s Seen) { r.tell(Damaged{File: s.File, Chunks: 1}) },
	} {
		r := newRig(t, 4)
		s := r.surplusFile()
		ask := r.trimmed()
		change(r, s)
		r.everyone(ask)
		none[Delete](r, "deleted although it was "+why)
		r.everyone(r.trimmed())
		one[Delete](r)
	}
}

// Of a file chunks are deleted once at a time: what becomes free meanwhile waits.
func TestOneDeleteAtATime(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	ask := r.trimmed()
	free := content.FullBitmap(6)
	for c := range r.held(s, self).All {
		free.Clear(c)
	}
	first := content.NewBitmap(6)
	for c := range free.All {
		first.Set(c)
		break
	}
	for _, id := range ask.To {
		r.answer(ask, id, content.FullBitmap(6), first)
	}
	d := one[Delete](r)
	if d.Chunks.Count() != 1 || free.Count() < 2 {
		t.Fatalf("%d of %d chunks are deleted, want 1", d.Chunks.Count(), free.Count())
	}
	r.everyone(r.trimmed())
	none[Delete](r, "deleted two at once")
	r.tell(Deleted{Op: d.Op})
	r.everyone(r.trimmed())
	one[Delete](r)
}

// A look that was under way while chunks went is done again.
func TestLooksDuringADeleteAreRepeated(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	r.everyone(r.trimmed())
	d := one[Delete](r)
	r.slow = true
	r.tell(Asked{Call: r.call(), From: node(1), File: s.File, Chunks: 6})
	before := one[Look](r)
	r.tell(Deleted{Op: d.Op})
	take[Look](r) // the one of the file that has changed
	r.tell(Looked{Op: before.Op, Files: []Seen{s}, Free: r.free})
	none[Answer](r, "answered by what was there before the delete")
	s.Own = r.held(s, self)
	r.tell(Looked{Op: one[Look](r).Op, Files: []Seen{s}, Free: r.free})
	if a := one[Answer](r); a.Has.Count() != s.Own.Count() {
		t.Errorf("has %d chunks, want %d", a.Has.Count(), s.Own.Count())
	}
}

// Surplus is asked about, and the catalogue forgets names, as soon as the time for it
// is over.
func TestTheFirstMomentCounts(t *testing.T) {
	r := newRig(t, 4)
	r.surplusFile()
	r.m.view.Changed = r.m.trims.next - r.m.cfg.TrimDelay
	r.pass(r.m.trims.next - r.now.Mono)
	one[Ask](r)

	r = newRig(t, 1)
	r.m = New(r.m.cfg, r.now)
	for range 2 {
		r.pass(CompactEvery - time.Millisecond)
		none[Compact](r, "compacts too soon")
		r.pass(time.Millisecond)
		r.tell(Compacted{Op: one[Compact](r).Op})
	}
}

// The catalogue forgets names once an hour, and not within an hour of a start or a
// jump of the wall clock.
func TestCompactionWaitsForSteadyClocks(t *testing.T) {
	r := newRig(t, 1)
	r.pass(CompactEvery)
	c := one[Compact](r)
	r.pass(2 * CompactEvery)
	none[Compact](r, "compacts twice at once")
	r.tell(Compacted(c))
	r.pass(TrimEvery)
	r.tell(Compacted(one[Compact](r)))
	r.pass(CompactEvery / 2)
	r.now.Wall = r.now.Wall.Add(40 * 24 * time.Hour)
	r.pass(CompactEvery - TrimEvery)
	none[Compact](r, "compacts by a clock that has jumped")
	r.pass(2 * TrimEvery)
	one[Compact](r)
}
