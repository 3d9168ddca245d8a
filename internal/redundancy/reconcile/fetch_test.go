package reconcile

import (
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// A file whose name comes is looked at, and the chunks are fetched that this node
// should hold and lacks.
func TestNamedFilesAreFetched(t *testing.T) {
	r := newRig(t, 4)
	s := r.file(1, 6, 2)
	r.tell(Named{Files: []Name{{File: s.File}}})
	f := one[Fetch](r)
	if f.Chunks.Count() != r.held(s, self).Count() || f.From != "" || f.Only || !f.Background {
		t.Errorf("%+v, want the chunks %v from anybody", f, r.held(s, self))
	}
	if a := r.report(); a.Files != 1 || a.Bytes != uint64(f.Chunks.Count())*chunkSize || a.Done {
		t.Errorf("while it is fetched: %+v", a)
	}
	s.Own = f.Chunks
	r.files[s.File] = s
	r.tell(Fetched{Op: f.Op, Outcome: Done})
	if a := r.report(); a.Files != 0 || a.Bytes != 0 || !a.Done {
		t.Errorf("when it is here: %+v", a)
	}
	none[Fetch](r, "fetched again")
	none[Repaired](r, "nothing was damaged")
}

// While a file is fetched the report says how much of it is left.
func TestProgressIsReported(t *testing.T) {
	r := newRig(t, 1)
	s := r.file(1, 10, 1)
	r.tell(Named{Files: []Name{{File: s.File}}})
	f := one[Fetch](r)
	for _, have := range []int{0, 3, 9} {
		s.Own = content.NewBitmap(10)
		for c := range have {
			s.Own.Set(c)
		}
		r.files[s.File] = s
		r.pass(watchEvery)
		if a := r.report(); a.Bytes != uint64(10-have)*chunkSize || a.Done || a.Files != 1 {
			t.Errorf("with %d chunks of 10: %+v", have, a)
		}
	}
	r.slow = true
	r.pass(watchEvery)
	late := take[Look](r)
	s.Own = content.FullBitmap(10)
	r.tell(Fetched{Op: f.Op})
	r.tell(Looked{Op: one[Look](r).Op, Files: []Seen{s}, Free: r.free})
	r.tell(Looked{Op: late[0].Op, Files: []Seen{{File: s.File, Known: true, Live: true, Size: s.Size, ChunkSize: chunkSize, Own: set(10)}}, Free: r.free})
	if a := r.m.account(); a.Files != 0 || a.Bytes != 0 {
		t.Errorf("an old look counts: %+v", a)
	}
}

// Of a file that was just named, the chunks of which this node makes the second copy
// come first, from the node that named it alone; the rest comes after a while.
func TestSecondCopiesComeFirst(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 12, 3)
	r.name(s, node(1))
	f := one[Fetch](r)
	want := repair.First(r.m.view, self, node(1), fileOf(s), r.held(s, self))
	if f.Chunks.Count() != want.Count() || want.Count() == 12 || f.From != node(1) || !f.Only || f.Background {
		t.Fatalf("%+v, want %d chunks of %s alone", f, want.Count(), node(1))
	}
	const took = 3 * time.Second
	r.pass(took)
	s.Own = f.Chunks.Clone()
	r.files[s.File] = s
	r.tell(Fetched{Op: f.Op, Outcome: Done})
	none[Fetch](r, "the rest is fetched at once")
	r.pass(repair.RestAfter(took) - time.Millisecond)
	r.tell(Recheck{All: true})
	r.lookAgain(s)
	none[Fetch](r, "the rest is fetched too soon")
	r.pass(time.Millisecond)
	rest := one[Fetch](r)
	if rest.Only || !rest.Background || rest.Chunks.Count()+f.Chunks.Count() != 12 {
		t.Errorf("the rest: %+v", rest)
	}
}

// A node that makes no second copy of a fresh file fetches its part at once, from
// anybody: the node that named it first.
func TestWithoutASecondCopyAllIsFetched(t *testing.T) {
	r := newRig(t, 4)
	second := func(s Seen) int {
		return repair.First(r.m.view, self, node(1), fileOf(s), r.held(s, self)).Count()
	}
	s := r.file(1, 1, 3)
	for n := byte(2); r.held(s, self).Count() == 0 || second(s) > 0; n++ {
		s = r.file(n, 1, 3)
	}
	r.name(s, node(1))
	if f := one[Fetch](r); f.Only || f.Background || f.From != node(1) || f.Chunks.Count() != 1 {
		t.Errorf("%+v", f)
	}
}

// If the node that named a file does not have it any more, all are asked at once.
func TestTheAdderHasGone(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 12, 3)
	r.name(s, node(1))
	f := one[Fetch](r)
	r.tell(Fetched{Op: f.Op, Outcome: Nobody})
	again := one[Fetch](r)
	if again.Only || again.Chunks.Count() != f.Chunks.Count() || again.Op == f.Op {
		t.Errorf("%+v", again)
	}
	r.tell(Fetched{Op: again.Op, Outcome: Nobody})
	none[Fetch](r, "asked again at once")
	r.pass(RetryAfter)
	one[Fetch](r)
}

// A name that is old, or not new, has nobody who waits for copies.
func TestOldNamesAreNotFresh(t *testing.T) {
	for why, name := range map[string]func(*rig) Name{
		"old":     func(r *rig) Name { return Name{By: node(1), At: r.now.Wall.Add(-freshFor)} },
		"not new": func(r *rig) Name { return Name{At: r.now.Wall} },
	} {
		r := newRig(t, 3)
		n := name(r)
		n.File = r.file(1, 12, 3).File
		r.tell(Named{Files: []Name{n}})
		if f := one[Fetch](r); f.Only || !f.Background {
			t.Errorf("%s: %+v", why, f)
		}
	}
}

// A fetch that failed is tried again, each time after twice as long, up to a minute.
// When no node had the chunks twice in a row, the file counts as stuck.
func TestFailedFetchesAreRetried(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 12, 3)
	r.tell(Named{Files: []Name{{File: s.File}}})
	stuck := []uint32{0, 1, 1, 0, 0, 1}
	for try, outcome := range []Outcome{Nobody, Nobody, Nobody, Failed, Nobody, Nobody} {
		r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: outcome})
		if got := r.m.account().Stuck; got != stuck[try] {
			t.Errorf("after try %d there are %d files stuck, want %d", try, got, stuck[try])
		}
		wait := min(RetryAfter<<try, maxRetryAfter)
		r.pass(wait - time.Millisecond)
		none[Fetch](r, "tried again too soon")
		r.pass(time.Millisecond)
	}
	f := one[Fetch](r)
	s.Own = f.Chunks
	r.files[s.File] = s
	r.tell(Fetched{Op: f.Op, Outcome: Done})
	r.pass(time.Second)
	if a := r.m.account(); a.Stuck != 0 || a.Files != 0 {
		t.Errorf("when it is here: %+v", a)
	}
}

// When a node is connected, the chunks are asked for at once that no node had before;
// a fetch that failed for another reason waits on.
func TestANewConnectionIsAsked(t *testing.T) {
	for outcome, want := range map[Outcome]int{Nobody: 1, Failed: 0} {
		r := newRig(t, 3)
		s := r.file(1, 12, 3)
		r.tell(Named{Files: []Name{{File: s.File}}})
		r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: outcome})
		r.nodes()
		none[Fetch](r, "asked again although nobody came")
		r.peers[2].Linked = true
		r.nodes()
		if got := len(take[Fetch](r)); got != want {
			t.Errorf("after outcome %d and a node that comes: %d fetches, want %d", outcome, got, want)
		}
	}
}

// A node that connects at the moment of a retry is no reason for a second one.
func TestARetryIsNotRepeated(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 12, 3)
	r.tell(Named{Files: []Name{{File: s.File}}})
	r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: Nobody})
	r.slow = true
	r.pass(RetryAfter)
	look := one[Look](r)
	r.peers[2].Linked = true
	r.nodes()
	r.look(look)
	one[Fetch](r)
	none[Look](r, "looks again")
}

// Of several files that failed each is retried at its own time, the first that failed
// first.
func TestRetriesAreInOrder(t *testing.T) {
	r := newRig(t, 3)
	var files []Seen
	for n := range byte(4) {
		s := r.file(n+1, 12, 3)
		r.tell(Named{Files: []Name{{File: s.File}}})
		r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: Failed})
		files = append(files, s)
		r.pass(time.Second / 2)
	}
	r.pass(RetryAfter - 2*time.Second)
	for _, s := range files {
		if f := one[Fetch](r); f.File.File != s.File {
			t.Errorf("%v is fetched, want %v", f.File.File, s.File)
		}
		r.pass(time.Second / 2)
	}
}

// A person who asks for it has everything retried at once.
func TestRecheckRetriesAtOnce(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 12, 3)
	r.tell(Named{Files: []Name{{File: s.File}}})
	r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: Nobody})
	r.tell(Recheck{All: true})
	one[Fetch](r)
}

// Large fetches run few at a time, small ones many.
func TestFetchesHavePlaces(t *testing.T) {
	for _, c := range []struct{ chunks, most int }{{1, 12}, {2, 6}, {3, 6}, {4, 4}, {40, 4}} {
		r := newRig(t, 1)
		for n := range byte(20) {
			r.tell(Recheck{Files: []shoal.FileID{r.file(n+1, c.chunks, 1).File}})
		}
		running := take[Fetch](r)
		if len(running) != c.most {
			t.Errorf("%d fetches of %d chunks at once, want %d", len(running), c.chunks, c.most)
		}
		for range 20 - c.most {
			r.tell(Fetched{Op: running[0].Op, Outcome: Failed})
			r.tell(Fetched{Op: running[0].Op, Outcome: Failed}) // which is over
			running = append(running[1:], one[Fetch](r))
		}
	}
	for _, size := range []int64{-1, 0, 1, costlyBytes, 1 << 62} {
		if cost := costOf(size); cost < 1 || cost > pullWidth {
			t.Errorf("a fetch of %d bytes takes %d places of %d", size, cost, pullWidth)
		}
	}
}

// Chunks that were found rotten are fetched again, and counted when they are back.
func TestDamageIsRepaired(t *testing.T) {
	r := newRig(t, 2)
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	none[Fetch](r, "all is here")
	s.Own = set(4, 0, 1)
	r.files[s.File] = s
	r.drop()
	r.tell(Damaged{File: s.File, Chunks: 2})
	report := take[Report](r)
	if len(report) == 0 || report[0].Account.Done {
		t.Error("damage is not reported at once")
	}
	f := one[Fetch](r)
	if f.Chunks.Count() != 2 || !f.Chunks.Has(2) || !f.Chunks.Has(3) {
		t.Errorf("%+v", f)
	}
	r.tell(Fetched{Op: f.Op, Outcome: Failed})
	none[Repaired](r, "repaired in vain")
	r.pass(RetryAfter)
	s.Own = set(4, 0, 1, 2, 3)
	r.files[s.File] = s
	r.tell(Fetched{Op: one[Fetch](r).Op, Outcome: Done})
	if got := one[Repaired](r).Chunks; got != 2 {
		t.Errorf("%d chunks repaired", got)
	}
}

// Nothing is fetched of a file of which chunks are being deleted.
func TestNothingComesWhileSomethingGoes(t *testing.T) {
	r := newRig(t, 4)
	s := r.surplusFile()
	r.everyone(r.trimmed())
	d := one[Delete](r)
	s.Own = set(6)
	r.files[s.File] = s
	r.tell(Damaged{File: s.File, Chunks: 1})
	none[Fetch](r, "fetched during a delete")
	r.tell(Deleted{Op: d.Op})
	one[Fetch](r)
}

// A node that lacks room fetches what fits, and says so. Chunks that enough others
// pledge in its place do not count as missing.
func TestAFullNodeRefuses(t *testing.T) {
	r := newRig(t, 3)
	r.free = 2 * chunkSize
	r.pass(time.Second)
	s := r.file(1, 12, 3)
	r.tell(Named{Files: []Name{{File: s.File}}})
	ask := one[Ask](r)
	if len(ask.To) != 2 || ask.Upto != 0 || ask.Waited {
		t.Errorf("%+v", ask)
	}
	for _, id := range ask.To {
		r.answer(ask, id, set(12, 0, 1, 2), set(12, 0, 1, 2))
	}
	f := one[Fetch](r)
	if f.Chunks.Count() != 2 {
		t.Errorf("%d chunks are fetched, and there is room for 2", f.Chunks.Count())
	}
	if a := r.report(); a.Refused != 1 || a.Files != 1 || a.Bytes != 12*chunkSize {
		t.Errorf("%+v", a) // three copies are wanted, and two nodes pledge
	}
	r.tell(Fetched{Op: f.Op, Outcome: Done})
	s.Copies, s.Own = 2, set(12, 0, 1)
	r.files[s.File] = s
	r.free = 0
	r.peers = append(r.peers, r.peers[2])
	r.peers[3].ID = node(3)
	r.nodes()
	refused := r.held(s, self)
	for c := range s.Own.All {
		refused.Clear(c)
	}
	take[Ask](r)
	r.pass(RetryAfter)
	for _, ask := range take[Ask](r) {
		r.everyone(ask)
	}
	if a := r.m.account(); refused.Count() == 0 || a.Refused != 1 || a.Files != 0 {
		t.Errorf("%d chunks are refused, others pledge all: %+v", refused.Count(), a)
	}
	r.free = 1 << 30
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	one[Fetch](r)
	if a := r.m.account(); a.Refused != 0 {
		t.Errorf("with room: %+v", a)
	}
}

// When a node has room again it takes the chunks it had refused, at once; it does not
// look at them for every byte that becomes free.
func TestRoomIsUsedAtOnce(t *testing.T) {
	r := newRig(t, 2)
	r.free = 0
	r.pass(time.Second)
	s := r.file(1, 12, 2)
	r.tell(Named{Files: []Name{{File: s.File}}})
	r.everyone(one[Ask](r))
	r.pass(2 * maxRetryAfter)
	take[Ask](r)
	r.free = 1
	r.tell(Passed{Free: r.free})
	r.everyone(one[Ask](r))
	r.free = 2
	r.tell(Passed{Free: r.free})
	none[Ask](r, "looked at again for a byte more")
	r.pass(RetryAfter)
	take[Ask](r)
	r.free = 1 << 30
	r.tell(Passed{Free: r.free})
	if f := one[Fetch](r); f.Chunks.Count() != 12 {
		t.Errorf("%d chunks are fetched", f.Chunks.Count())
	}
}

// A chunk for which this node has no room is not missing when as many others pledge it
// as copies are wanted.
func TestPledgesReplaceRefusedChunks(t *testing.T) {
	for pledges, want := range []uint32{1, 1, 0} {
		r := newRig(t, 3)
		r.free = 0
		r.pass(time.Second)
		s := r.file(1, 12, 2)
		r.tell(Named{Files: []Name{{File: s.File}}})
		ask := one[Ask](r)
		for i, id := range ask.To {
			pledged := set(12)
			if i < pledges {
				pledged = content.FullBitmap(12)
			}
			r.answer(ask, id, pledged, pledged)
		}
		if a := r.m.account(); a.Files != want || a.Refused != 1 {
			t.Errorf("%d others pledge: %+v", pledges, a)
		}
	}
}

// The next node in order stands in for one without room: when that says that it has
// none, all files are looked at, and it is asked what it has.
func TestStandsInForAFullNode(t *testing.T) {
	r := newRig(t, 3)
	s := r.file(1, 12, 1)
	s.Own = r.held(s, self)
	r.files[s.File] = s
	r.tell(Recheck{Files: []shoal.FileID{s.File}})
	none[Fetch](r, "all it should hold is here")
	r.peers[1].Report.Refused = 1
	r.nodes()
	ask := one[Ask](r)
	if len(ask.To) != 1 || ask.To[0] != node(1) {
		t.Fatalf("%+v", ask)
	}
	full := r.held(s, node(1))
	r.answer(ask, node(1), set(12), set(12))
	f := one[Fetch](r)
	for c := range f.Chunks.All {
		if !full.Has(c) {
			t.Errorf("chunk %d is not one of the full node's", c)
		}
	}
	if f.Chunks.Count() == 0 || !r.m.instead[s.File].lacks(node(1), f.Chunks.Len()-1) == full.Has(11) && full.Has(11) {
		t.Errorf("nothing is fetched in its place")
	}
	r.tell(Fetched{Op: f.Op, Outcome: Failed})
	r.peers[1].Report.Refused = 0
	r.nodes()
	none[Ask](r, "asked although it has room again")
	if len(r.m.instead) != 0 {
		t.Error("still in its place")
	}
}

// A full node that is down, or this node itself, is not asked.
func TestWhoIsShort(t *testing.T) {
	r := newRig(t, 3)
	r.file(1, 12, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	r.peers[0].Report.Refused = 1
	r.peers[1].Report.Refused, r.peers[1].Up = 1, false
	r.peers[2].Report.Refused, r.peers[2].Reported = 1, false
	r.nodes()
	if len(r.m.short) != 0 {
		t.Errorf("%v are short", r.m.short)
	}
	none[Ask](r, "asked")
}
