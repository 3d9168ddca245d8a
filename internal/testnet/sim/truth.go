package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/membership/liveness"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/safety"
	"shoal/internal/redundancy/trim"
)

// chunkSize is that of all files here.
const chunkSize = 1 << 10

// file is one that somebody added.
type file struct {
	content.File
	index   int
	name    string          // the one it was added under
	names   map[string]bool // all it was ever given
	bytes   []byte
	chunks  int
	acked   bool                  // somebody was told that it is safe
	removed bool                  // somebody removed it, and nobody has had it back
	again   bool                  // somebody who knew of no name of it added it once more
	since   time.Duration         // when
	harmed  map[int]time.Duration // when a copy of a chunk was last destroyed
}

func (f *file) String() string { return fmt.Sprintf("f%d", f.index) }

// chunk is the bytes of a chunk as they were added.
func (f *file) chunk(i int) []byte {
	at := f.ChunkOffset(i)
	return f.bytes[at : at+int64(f.ChunkLen(i))]
}

// copies is how many disks have a chunk durably and right.
func (w *world) copies(f *file, chunk int, but *machine) (n int) {
	for _, m := range w.nodes {
		if m == but || m.retired {
			continue
		}
		if b := m.disk.chunks[f.index][chunk]; b != nil && b.synced && !b.rotten {
			n++
		}
	}
	return n
}

// lately is how long a copy that was destroyed may still be believed in: a pledge
// counts so long, from when it was asked for.
const lately = trim.Counts + 2*reconcile.HoldTimeout

// out reports whether a machine was expelled, so that what it does is no longer
// the shoal's doing, whether all know it or not.
func (w *world) out(m *machine) bool { return m.retired || slices.Contains(w.leaving, m) }

// telling is how long it takes until all know that a node has found a copy of its
// own rotten.
const telling = 2 * liveness.DefaultUpdate

// excused is how many copies of a chunk may be fewer than somebody thinks.
func (w *world) excused(f *file, chunk int) int {
	if at, harmed := f.harmed[chunk]; harmed && w.Now() < at+lately {
		return 1
	}
	return 0
}

// deletes checks, at the instant at which a surplus chunk goes, that as many
// others as are wanted have it (I5). Of rot nobody knows before it is read.
func (w *world) deletes(p *process, f *file, chunk, wanted int) {
	if w.out(p.m) {
		return
	}
	w.checked.Deletes++
	if others := w.stored(f, chunk, p.m); others < wanted-w.excused(f, chunk) {
		w.breach("I5: %s deletes chunk %d of %s, of which others have %d copies, not %d", p.m.name(), chunk, f, others, wanted)
	}
}

// dismisses checks a file that is about to be deleted for having no name: nobody
// acknowledged and still wants it, and this node knew no name of it for as long as
// the trash time (I5).
func (w *world) dismisses(p *process, f *file) {
	if w.out(p.m) {
		return
	}
	w.checked.Removals++
	if f.acked && !f.removed && !f.again {
		w.breach("I5: %s deletes %s, which nobody removed", p.m.name(), f)
	}
	since := max(p.started, p.unnamed[f.index])
	if _, known := p.wanted[f.index]; !known {
		since = max(since, p.m.disk.since(f, w.Now()))
	}
	if w.Now() < since+Trash {
		w.breach("I5: %s deletes %s, which had a name until %v ago", p.m.name(), f, (w.Now() - since).Round(time.Millisecond))
	}
}

// kept checks that whatever somebody was told is safe is there (I1). Faults are
// never more than that bears.
func (w *world) kept() {
	for _, f := range w.files {
		if !f.acked || f.removed {
			continue
		}
		for chunk := range f.chunks {
			if w.copies(f, chunk, nil) == 0 {
				w.breach("I1: chunk %d of %s is lost", chunk, f)
				return
			}
		}
	}
}

// ack checks what somebody is about to be told: that a file is on two disks.
func (w *world) ack(p *process, a *adding) {
	f := a.f
	if w.out(p.m) {
		return // it says so to its own people, who have not heard either
	}
	w.checked.Acks++
	f.acked = true
	for chunk := range f.chunks {
		least := min(2, p.wanted[f.index].copies) - w.excused(f, chunk)
		if n := w.stored(f, chunk, nil); n < least {
			w.breach("I1: %s acknowledges %s, of which chunk %d has %d copies", p.m.name(), f, chunk, n)
		}
		if n := w.known(p.m.id, a.said, f, chunk); n < least && w.Now() > w.harmed+lately {
			w.breach("I1: %s acknowledges %s, of which chunk %d has %d copies on nodes that have heard of its name", p.m.name(), f, chunk, n)
		}
	}
	w.note("%s acknowledges %v", p.m.name(), f)
}

// known counts the disks that have a chunk durably, and an author's batches up to a
// number: a chunk without a name is deleted some day.
func (w *world) known(author shoal.NodeID, upto uint64, f *file, chunk int) (n int) {
	for _, m := range w.nodes {
		if b := m.disk.chunks[f.index][chunk]; b != nil && b.synced && !m.retired && uint64(len(m.disk.log[author])) >= upto {
			n++
		}
	}
	return n
}

// judge checks that status says safe only when it is (I10). Of copies that have
// just been destroyed nobody can know yet, and of rot nobody before it is read.
func (p *process) judge() {
	if p.verdict().State != safety.Safe {
		return
	}
	w := p.w
	w.checked.Safes++
	if w.exposed > 0 && w.Now() < w.exposed+telling {
		return
	}
	for _, index := range sortedKeys(p.wanted) {
		f, want := w.files[index], p.wanted[index]
		if !want.live || want.copies == 0 {
			continue
		}
		for chunk := range f.chunks {
			if n := w.stored(f, chunk, nil); n < want.copies-w.excused(f, chunk) {
				w.breach("I10: %s says that all is safe, and chunk %d of %s has %d of %d copies", p.m.name(), chunk, f, n, want.copies)
				return
			}
		}
	}
}

// stored is how many disks have a chunk durably, rotten or not.
func (w *world) stored(f *file, chunk int, but *machine) (n int) {
	for _, m := range w.nodes {
		if b := m.disk.chunks[f.index][chunk]; b != nil && b.synced && !m.retired && m != but {
			n++
		}
	}
	return n
}

// bearable reports whether copies may be destroyed again: none were so lately that
// somebody may still count on them, and all agree on who is in.
func (w *world) bearable() bool {
	return (w.checked.Harms == 0 || w.Now() >= w.harmed+2*lately) && len(w.leaving) == 0
}

// spare reports whether all copies on a machine can be destroyed without a loss:
// of everything acknowledged there is another, and nothing was destroyed so
// lately that somebody may still count on it. So at most copies-1 are lost at a
// time, which is what a shoal promises to bear.
func (w *world) spare(m *machine) bool {
	if !w.bearable() {
		return false
	}
	for _, f := range w.files {
		if !f.acked || f.removed {
			continue
		}
		for chunk := range f.chunks {
			if w.copies(f, chunk, m) == 0 {
				return false
			}
		}
	}
	return true
}

// harm notes that copies were destroyed: one, or all of a machine.
func (w *world) harm(lost map[int]map[int]*blob) {
	w.harmed = w.Now()
	w.checked.Harms++
	for index, chunks := range lost {
		for chunk := range chunks {
			w.files[index].harmed[chunk] = w.Now()
		}
	}
}

// adding is an add that waits for its copies.
type adding struct {
	f    *file
	said uint64 // the batch that names it
}

// await has a person wait for the copies of a file that was just named. If that is
// given up the person tries again, as long as the file has a name.
func (p *process) await(f *file) {
	a := &adding{f: f, said: p.vector[p.m.id]}
	p.call(func(c reconcile.Call) reconcile.Event {
		return reconcile.Added{Call: c, File: p.file(f), Upto: a.said}
	}, func(done reconcile.Action) {
		least := min(2, p.wanted[f.index].copies)
		switch {
		case !p.wanted[f.index].live:
		case done.(reconcile.Acknowledge).Copies >= least:
			p.w.ack(p, a)
		default:
			p.soon(func() { p.await(f) })
		}
	})
}

// converged reports why the shoal is not as it should be when nothing has gone
// wrong for long; nil if it is (I3).
func (w *world) converged() error {
	var first *process
	for _, m := range w.nodes {
		if m.retired || m.process == nil {
			continue
		}
		p := m.process
		if first == nil {
			first = p
		}
		if p.who() != first.who() {
			return fmt.Errorf("%s and %s have different rosters: %s / %s", m.name(), first.m.name(), p.who(), first.who())
		}
		if p.meaning() != first.meaning() {
			return fmt.Errorf("%s and %s have different names: %s / %s", m.name(), first.m.name(), p.meaning(), first.meaning())
		}
		if v := p.verdict(); v.State != safety.Safe && v.State != safety.Few && v.State != safety.Empty {
			return fmt.Errorf("%s says: %s%s", m.name(), v.Text, w.accounts())
		}
	}
	return nil
}

// accounts is what each node says of itself, and whom it counts.
func (w *world) accounts() string {
	var text strings.Builder
	for _, m := range w.nodes {
		p := m.process
		if p == nil || m.retired {
			continue
		}
		s := p.keep.machine.State()
		fmt.Fprintf(&text, "\n  %s counts %d, %+v, fetches", m.name(), s.View.In.Len(), s.Own)
		for _, g := range p.keep.fetches {
			fmt.Fprintf(&text, " %v (acknowledged %v, removed %v, whole %v)", g.f, g.f.acked, g.f.removed, w.whole(g.f))
		}
		for _, author := range sortedKeys(p.vector) {
			fmt.Fprintf(&text, " %s:%d", w.node(author).name(), p.vector[author])
		}
	}
	return text.String()
}

// tidy reports what is on disks and should not be there, or should and is not
// (I6): the roster and the names say what.
func (w *world) tidy() error {
	for _, m := range w.nodes {
		if m.retired || m.process == nil {
			continue
		}
		all := m.process.counting()
		for _, f := range w.files {
			if err := m.process.untidy(f, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// untidy reports what a node has of a file, of all that count, that it should not
// have, or the other way round.
func (p *process) untidy(f *file, all *placement.Map) error {
	has, want := p.m.disk.has(f), p.wanted[f.index]
	if !want.live {
		if has.Count() > 0 {
			return fmt.Errorf("%s still has %s, which nobody wants", p.m.name(), f)
		}
		return nil
	}
	others := all.Len()
	if all.Has(p.m.id) {
		others--
	}
	layout := all.File(f.ID, f.chunks, want.copies)
	for chunk := range f.chunks {
		should := layout.Holds(p.m.id, chunk)
		if has.Has(chunk) && !should && others >= want.copies {
			return fmt.Errorf("%s still has chunk %d of %s, which it need not hold", p.m.name(), chunk, f)
		}
		if should && !has.Has(chunk) {
			return fmt.Errorf("%s has no chunk %d of %s, which it should hold", p.m.name(), chunk, f)
		}
	}
	return nil
}

// settleTime is how long it may take until all is as it should be, and tidyTime
// until nothing is left over: pledges bind for two minutes.
const (
	settleTime = 3 * time.Minute
	tidyTime   = 10 * time.Minute
)
