package reconcile

import (
	"testing"

	"shoal"
	"shoal/internal/content"
)

// busyRig is a machine beside a full node, which it asks about each file of one chunk
// that lies there, so that as many files are decided on as it does at once.
func busyRig(t *testing.T) *rig {
	r := newRig(t, 2)
	r.peers[1].Report.Refused = 1
	r.nodes()
	r.report()
	r.drop()
	return r
}

// bulk makes files of which all chunks are here, and returns their ids.
func (r *rig) bulk(from, count int) (ids []shoal.FileID) {
	for n := from; n < from+count; n++ {
		s := r.file(0, 1, 2, 0)
		delete(r.files, s.File)
		s.File = shoal.FileID{1, byte(n >> 8), byte(n)}
		r.files[s.File] = s
		ids = append(ids, s.File)
	}
	return ids
}

// A file is not decided on before the full nodes have answered, and until then this
// node is not done.
func TestNotDoneWhileAFileIsAskedAbout(t *testing.T) {
	r := busyRig(t)
	r.lookAgain(r.file(1, 1, 2, 0))
	ask := one[Ask](r)
	if r.m.account().Done {
		t.Error("it is done before the answer")
	}
	r.everyone(ask)
	if !r.m.account().Done {
		t.Error("it is not done after the answer")
	}
}

// Only so many files are decided on at once; the next look waits while more than a
// batch of files waits for its turn.
func TestLooksWaitForDecisions(t *testing.T) {
	r := busyRig(t)
	r.tell(Recheck{Files: r.bulk(0, jobWidth+lookBatch)})
	asks := take[Ask](r)
	if len(asks) != jobWidth || len(r.m.backlog.queue) != lookBatch {
		t.Fatalf("%d files are decided on and %d wait, want %d and %d", len(asks), len(r.m.backlog.queue), jobWidth, lookBatch)
	}
	r.slow = true
	more := r.bulk(jobWidth+lookBatch, 2)
	r.tell(Recheck{Files: more[:1]})
	r.look(one[Look](r)) // a batch waits, and no more
	r.tell(Recheck{Files: more[1:]})
	none[Look](r, "looks while more than a batch waits")
	r.everyone(asks[0])
	r.tell(Passed{Free: r.free})
	one[Look](r)
}

// A sweep reads the next page while no more than a batch of files waits.
func TestASweepWaitsForDecisions(t *testing.T) {
	r := busyRig(t)
	r.bulk(0, 2*lookBatch)
	r.tell(Recheck{All: true})
	const page = 2
	if waiting := len(r.m.backlog.queue); waiting != lookBatch+page {
		t.Errorf("%d files wait, want the first page beyond %d", waiting, lookBatch)
	}
}

// Only so many fetches wait for places: the other files stay undecided.
func TestFetchesThatWaitAreBounded(t *testing.T) {
	r := newRig(t, 1)
	var ids []shoal.FileID
	for _, id := range r.bulk(0, 2*pullsWait) {
		s := r.files[id]
		s.Own, s.Here = content.NewBitmap(1), false
		r.files[id] = s
		ids = append(ids, id)
	}
	r.tell(Recheck{Files: ids})
	r.tell(Passed{Free: r.free})
	if waiting := len(r.m.pulls.queue) + len(take[Fetch](r)); waiting != pullWidth+pullsWait {
		t.Errorf("%d fetches run or wait, want %d", waiting, pullWidth+pullsWait)
	}
}

// What the machine remembers of files that others wait for is bounded.
func TestWhatIsWaitedForIsBounded(t *testing.T) {
	r := newRig(t, 4)
	r.peers[3].Up, r.peers[3].Since = false, r.now.Mono
	r.nodes()
	for n := range newsLimit - 1 {
		id := shoal.FileID{9, byte(n >> 8), byte(n)}
		r.m.fresh[id], r.m.awaited[id] = node(1), r.now.Mono+awaitedFor
	}
	r.m.sweep.wanted = false
	for _, s := range []Seen{r.file(1, 1, 4), r.file(2, 1, 4)} {
		r.name(s, node(1))
		r.ask(s, 0, true)
	}
	r.pass(AnswerWithin)
	if len(r.m.fresh) != newsLimit || len(r.m.awaited) != newsLimit {
		t.Errorf("%d files are fresh and %d waited for, want %d of each", len(r.m.fresh), len(r.m.awaited), newsLimit)
	}
}

// What was found of a file before its chunks changed is not believed, whether the full
// nodes were being asked about it or it waited for its turn.
func TestDamageDuringADecision(t *testing.T) {
	r := busyRig(t)
	s := r.file(1, 4, 2, 0, 1, 2, 3)
	r.lookAgain(s)
	before := one[Ask](r)
	s.Own = set(4, 0, 1, 2)
	r.files[s.File] = s
	r.tell(Damaged{File: s.File, Chunks: 1})
	r.everyone(one[Ask](r))
	r.slow = true
	r.everyone(before)
	if a := r.m.account(); a.Files != 1 {
		t.Errorf("%+v, and a chunk is missing", a)
	}

	r = busyRig(t)
	ids := r.bulk(0, jobWidth+1)
	r.tell(Recheck{Files: ids})
	asks := take[Ask](r)
	r.slow = true
	r.tell(Damaged{File: ids[jobWidth], Chunks: 1})
	r.everyone(asks[0])
	none[Ask](r, "decided by chunks that changed")
}
