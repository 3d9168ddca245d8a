package reconcile

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
)

// chunkSize is that of all files here.
const chunkSize = 1 << 20

// rig is a machine on a node whose catalogue and store answer at once. What else it
// asks for is kept for the test to look at.
type rig struct {
	t     *testing.T
	m     *Machine
	now   Clock
	peers []Peer
	files map[shoal.FileID]Seen
	stray map[shoal.FileID]Seen // in the store, and known to no catalogue
	free  int64
	log   byte // of the journal

	unreadable map[shoal.FileID]bool
	broken     bool // the catalogue lists nothing
	incomplete bool // names may be missing
	slow       bool // looks are kept, too

	asked []Action
	calls Call
	wake  time.Duration
}

const self = shoal.NodeID("n0")

func node(i int) shoal.NodeID { return shoal.NodeID(fmt.Sprintf("n%d", i)) }

// newRig is a node that has run for an hour, with n-1 others that are up. All delays
// are as by default.
func newRig(t *testing.T, n int) *rig {
	r := &rig{
		t: t, now: Clock{Wall: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, files: make(map[shoal.FileID]Seen), stray: make(map[shoal.FileID]Seen),
		free: 1 << 40, unreadable: make(map[shoal.FileID]bool),
	}
	for i := range n {
		r.peers = append(r.peers, Peer{
			Node: repair.Node{Node: placement.Node{ID: node(i), Weight: 1}, Up: true}, Name: string(node(i)), Alive: true, Reported: true,
		})
	}
	r.m = New(Config{Self: self, RepairDelay: time.Minute, TrimDelay: 10 * time.Minute, Trash: 24 * time.Hour, Rescan: RescanEvery, Waking: 12 * time.Second}, r.now)
	r.nodes()
	r.pass(time.Hour)
	for _, c := range take[Compact](r) {
		r.tell(Compacted(c))
	}
	r.drop()
	return r
}

// tell steps the machine, and does what it asks for as far as that is about the
// catalogue and the store.
func (r *rig) tell(e Event) {
	r.t.Helper()
	for _, a := range r.m.Step(r.now, e) {
		switch a := a.(type) {
		case Wake:
			r.wake = a.At
		case Look, List, ListGarbage:
			if r.slow {
				r.asked = append(r.asked, a)
			} else {
				r.look(a)
			}
		default:
			r.asked = append(r.asked, a)
		}
	}
}

// look answers a Look, a List or a ListGarbage.
func (r *rig) look(a Action) {
	r.t.Helper()
	switch a := a.(type) {
	case Look:
		looked := Looked{Op: a.Op, Free: r.free}
		for _, id := range a.Files {
			looked.Files = append(looked.Files, r.see(id))
		}
		r.tell(looked)
	case List:
		listed := Listed{Op: a.Op, Failed: r.broken, Free: r.free}
		for _, id := range r.page(a.After) {
			listed.Files = append(listed.Files, r.see(id))
		}
		r.tell(listed)
	case ListGarbage:
		listed := GarbageListed{Op: a.Op, Complete: !r.incomplete}
		for _, s := range r.stray {
			listed.Files = append(listed.Files, s)
		}
		r.tell(listed)
	}
}

func (r *rig) see(id shoal.FileID) Seen {
	if r.unreadable[id] {
		return Seen{File: id, Failed: true}
	}
	if s, known := r.files[id]; known {
		return s
	}
	if s, stray := r.stray[id]; stray {
		return s
	}
	return Seen{File: id}
}

// page is the two files behind one.
func (r *rig) page(after shoal.FileID) (ids []shoal.FileID) {
	for id := range r.files {
		if bytes.Compare(id[:], after[:]) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b shoal.FileID) int { return bytes.Compare(a[:], b[:]) })
	return ids[:min(len(ids), 2)]
}

// pass lets time pass, as the machine asks to be woken.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	for until := r.now.Mono + d; r.now.Mono < until; {
		next := min(max(r.wake, r.now.Mono+time.Millisecond), until)
		r.now.Wall = r.now.Wall.Add(next - r.now.Mono)
		r.now.Mono = next
		r.tell(Passed{Log: [8]byte{r.log}, Free: r.free})
	}
}

// halt lets time pass while the process stands still.
func (r *rig) halt(d time.Duration) {
	r.now.Mono, r.now.Wall = r.now.Mono+d, r.now.Wall.Add(d)
}

// nodes tells the machine of the peers.
func (r *rig) nodes() {
	r.t.Helper()
	r.tell(Nodes{Storage: slices.Clone(r.peers)})
}

// drop forgets what was asked for.
func (r *rig) drop() { r.asked = nil }

// take takes the actions of one kind out of what was asked for.
func take[A Action](r *rig) (found []A) {
	r.asked = slices.DeleteFunc(r.asked, func(a Action) bool {
		one, is := a.(A)
		if is {
			found = append(found, one)
		}
		return is
	})
	return found
}

// one takes the only action of its kind.
func one[A Action](r *rig) A {
	r.t.Helper()
	found := take[A](r)
	if len(found) != 1 {
		r.t.Fatalf("%d actions of type %T, want one; others: %T", len(found), *new(A), r.asked)
	}
	return found[0]
}

// none fails if there is an action of a kind.
func none[A Action](r *rig, why string) {
	r.t.Helper()
	if found := take[A](r); len(found) > 0 {
		r.t.Fatalf("%s: %+v", why, found)
	}
}

// file is a file of so many chunks that the catalogue wants, and this node has
// those given of it.
func (r *rig) file(n byte, chunks, copies int, have ...int) Seen {
	own := content.NewBitmap(chunks)
	for _, c := range have {
		own.Set(c)
	}
	s := Seen{
		File: shoal.FileID{n}, Known: true, Live: true, Size: int64(chunks) * chunkSize, ChunkSize: chunkSize, Copies: copies,
		Here: len(have) > 0, Own: own,
	}
	r.files[s.File] = s
	return s
}

// set is a bitmap with some chunks.
func set(chunks int, have ...int) content.Bitmap {
	b := content.NewBitmap(chunks)
	for _, c := range have {
		b.Set(c)
	}
	return b
}

// held is the chunks of a file that a node should hold.
func (r *rig) held(s Seen, id shoal.NodeID) content.Bitmap {
	f := fileOf(s)
	layout, held := r.m.view.In.File(f.ID, f.Chunks, f.Copies), content.NewBitmap(f.Chunks)
	for c := range f.Chunks {
		if layout.Holds(id, c) {
			held.Set(c)
		}
	}
	return held
}

// name says that a file was named by a node a moment ago.
func (r *rig) name(s Seen, by shoal.NodeID) {
	r.t.Helper()
	r.log++
	r.tell(Named{Files: []Name{{File: s.File, By: by, At: r.now.Wall}}, Heard: []Position{{Author: by, Upto: uint64(r.log)}}})
}

// answer answers a question for a node.
func (r *rig) answer(a Ask, from shoal.NodeID, has, pledge content.Bitmap) {
	r.t.Helper()
	r.tell(Answered{Op: a.Op, From: from, Has: has, Pledge: pledge})
}

// everyone answers a question: all have and pledge all.
func (r *rig) everyone(a Ask) {
	r.t.Helper()
	for _, id := range a.To {
		r.answer(a, id, content.FullBitmap(a.Chunks), content.FullBitmap(a.Chunks))
	}
}

// call is a new number for a caller.
func (r *rig) call() Call {
	r.calls++
	return r.calls
}

// report is the last report, after all that is under way.
func (r *rig) report() safety.Account {
	r.t.Helper()
	r.pass(reportEvery)
	reports := take[Report](r)
	return reports[len(reports)-1].Account
}
