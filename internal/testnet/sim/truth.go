package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/safety"
	"shoal/internal/redundancy/trim"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/host"
)

// file is a file that somebody added, with what is true of it.
type file struct {
	*host.File
	name    string                // the one it was added under
	names   map[string]bool       // all it was ever given
	acked   bool                  // somebody was told that it is safe
	removed bool                  // somebody removed it, and nobody has had it back
	again   bool                  // somebody who knew of no name of it added it once more
	since   time.Duration         // when
	harmed  map[int]time.Duration // when a copy of a chunk was last destroyed
}

// file returns the file of an id, nil if there is none.
func (w *world) file(id shoal.FileID) *file {
	if f := w.File(id); f != nil {
		return w.files[f.Index]
	}
	return nil
}

// copies is how many disks have a chunk durably and right.
func (w *world) copies(f *file, chunk int, but *host.Machine) (n int) {
	for _, m := range w.Nodes {
		if m == but || m.Retired {
			continue
		}
		if b := m.Disk.Blob(f.Index, chunk); b != nil && b.Synced && !b.Rotten {
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
func (w *world) out(m *host.Machine) bool { return m.Retired || slices.Contains(w.leaving, m) }

// telling is how long it takes until all know that a node has found a copy of its
// own rotten.
const telling = 2 * liveness.DefaultUpdate

// excused is how many copies of a chunk may be fewer than somebody thinks.
func (w *world) excused(f *host.File, chunk int) int {
	if at, harmed := w.files[f.Index].harmed[chunk]; harmed && w.Now() < at+lately {
		return 1
	}
	return 0
}

// Deletes checks, at the instant at which a surplus chunk goes, that as many
// others as are wanted have it (I5). Of rot nobody knows before it is read.
func (w *world) Deletes(p *host.Process, f *host.File, chunk, wanted int) {
	if w.out(p.Machine()) {
		return
	}
	w.checked.Deletes++
	if others := w.stored(f, chunk, p.Machine()); others < wanted-w.excused(f, chunk) {
		w.Breach("I5: %s deletes chunk %d of %s, of which others have %d copies, not %d", p.Machine().Name(), chunk, f, others, wanted)
	}
}

// Dismisses checks a file that is about to be deleted for having no name: nobody
// acknowledged and still wants it, and this node knew no name of it for as long as
// the trash time (I5).
func (w *world) Dismisses(p *host.Process, on *host.File) {
	f := w.files[on.Index]
	if w.out(p.Machine()) {
		return
	}
	w.checked.Removals++
	if f.acked && !f.removed && !f.again {
		w.Breach("I5: %s deletes %s, which nobody removed", p.Machine().Name(), f)
	}
	since := max(p.Started, p.Unnamed[f.Index])
	if _, known := p.Wanted[f.Index]; !known {
		since = max(since, p.Machine().Disk.Since(f.Index, w.Now()))
	}
	if w.Now() < since+host.Trash {
		w.Breach("I5: %s deletes %s, which had a name until %v ago", p.Machine().Name(), f, (w.Now() - since).Round(time.Millisecond))
	}
}

// kept checks that whatever somebody was told is safe is there (I1). Faults are
// never more than that bears.
func (w *world) kept() {
	for _, f := range w.files {
		if !f.acked || f.removed {
			continue
		}
		for chunk := range f.Chunks() {
			if w.copies(f, chunk, nil) == 0 {
				w.Breach("I1: chunk %d of %s is lost", chunk, f)
				return
			}
		}
	}
}

// ack checks what somebody is about to be told: that a file is on two disks.
func (w *world) ack(p *host.Process, a *adding) {
	f := a.f
	if w.out(p.Machine()) {
		return // it says so to its own people, who have not heard either
	}
	w.checked.Acks++
	f.acked = true
	for chunk := range f.Chunks() {
		least := min(2, p.Wanted[f.Index].Copies) - w.excused(f.File, chunk)
		if n := w.stored(f.File, chunk, nil); n < least {
			w.Breach("I1: %s acknowledges %s, of which chunk %d has %d copies", p.Machine().Name(), f, chunk, n)
		}
		if n := w.known(p.Machine().ID, a.said, f, chunk); n < least && w.Now() > w.harmed+lately {
			w.Breach("I1: %s acknowledges %s, of which chunk %d has %d copies on nodes that have heard of its name", p.Machine().Name(), f, chunk, n)
		}
	}
	w.Note("%s acknowledges %v", p.Machine().Name(), f)
}

// known counts the disks that have a chunk durably, and an author's batches up to a
// number: a chunk without a name is deleted some day.
func (w *world) known(author shoal.NodeID, upto uint64, f *file, chunk int) (n int) {
	for _, m := range w.Nodes {
		if b := m.Disk.Blob(f.Index, chunk); b != nil && b.Synced && !m.Retired && uint64(len(m.Disk.Log[author])) >= upto {
			n++
		}
	}
	return n
}

// Looks checks that status says safe only when it is (I10). Of copies that have
// just been destroyed nobody can know yet, and of rot nobody before it is read.
func (w *world) Looks(p *host.Process) {
	if p.Verdict().State != safety.Safe {
		return
	}
	w.checked.Safes++
	w.remembers(p)
	if w.exposed > 0 && w.Now() < w.exposed+telling {
		return
	}
	for _, index := range host.SortedKeys(p.Wanted) {
		f, want := w.files[index], p.Wanted[index]
		if !want.Live || want.Copies == 0 {
			continue
		}
		for chunk := range f.Chunks() {
			if n := w.stored(f.File, chunk, nil); n < want.Copies-w.excused(f.File, chunk) {
				w.Breach("I10: %s says that all is safe, and chunk %d of %s has %d of %d copies", p.Machine().Name(), chunk, f, n, want.Copies)
				return
			}
		}
	}
}

// stored is how many disks have a chunk durably, rotten or not.
func (w *world) stored(f *host.File, chunk int, but *host.Machine) (n int) {
	for _, m := range w.Nodes {
		if b := m.Disk.Blob(f.Index, chunk); b != nil && b.Synced && !m.Retired && m != but {
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
func (w *world) spare(m *host.Machine) bool {
	if !w.bearable() {
		return false
	}
	for _, f := range w.files {
		if !f.acked || f.removed {
			continue
		}
		for chunk := range f.Chunks() {
			if w.copies(f, chunk, m) == 0 {
				return false
			}
		}
	}
	return true
}

// harm notes that copies were destroyed: one, or all of a machine.
func (w *world) harm(lost disk.Chunks) {
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

// converged reports why the shoal is not as it should be when nothing has gone
// wrong for long; nil if it is (I3).
func (w *world) converged() error {
	var first *host.Process
	for _, m := range w.Nodes {
		if m.Retired || m.Process == nil {
			continue
		}
		p := m.Process
		if first == nil {
			first = p
		}
		if p.Who() != first.Who() {
			return fmt.Errorf("%s and %s have different rosters: %s / %s", m.Name(), first.Machine().Name(), p.Who(), first.Who())
		}
		if p.Meaning() != first.Meaning() {
			return fmt.Errorf("%s and %s have different names: %s / %s", m.Name(), first.Machine().Name(), p.Meaning(), first.Meaning())
		}
		if v := p.Verdict(); v.State != safety.Safe && v.State != safety.Few && v.State != safety.Empty {
			return fmt.Errorf("%s says: %s%s", m.Name(), v.Text, w.accounts())
		}
	}
	return nil
}

// accounts is what each node says of itself, and whom it counts.
func (w *world) accounts() string {
	var text strings.Builder
	for _, m := range w.Nodes {
		p := m.Process
		if p == nil || m.Retired {
			continue
		}
		s := p.Keeper()
		fmt.Fprintf(&text, "\n  %s counts %d, %+v, fetches", m.Name(), s.View.In.Len(), s.Own)
		for _, f := range p.Fetching() {
			f := w.files[f.Index]
			fmt.Fprintf(&text, " %v (acknowledged %v, removed %v, whole %v)", f, f.acked, f.removed, w.whole(f))
		}
		for _, author := range host.SortedKeys(p.Vector()) {
			fmt.Fprintf(&text, " %s:%d", w.Node(author).Name(), p.Upto(author))
		}
	}
	return text.String()
}

// tidy reports what is on disks and should not be there, or should and is not
// (I6): the roster and the names say what.
func (w *world) tidy() error {
	for _, m := range w.Nodes {
		if m.Retired || m.Process == nil {
			continue
		}
		all := m.Process.Counting()
		for _, f := range w.files {
			if err := untidy(m.Process, f, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// untidy reports what a node has of a file, of all that count, that it should not
// have, or the other way round.
func untidy(p *host.Process, f *file, all *placement.Map) error {
	has, want := p.Machine().Disk.Has(f.Index, f.Chunks()), p.Wanted[f.Index]
	if !want.Live {
		if has.Count() > 0 {
			return fmt.Errorf("%s still has %s, which nobody wants", p.Machine().Name(), f)
		}
		return nil
	}
	others := all.Len()
	if all.Has(p.Machine().ID) {
		others--
	}
	layout := all.File(f.ID, f.Chunks(), want.Copies)
	for chunk := range f.Chunks() {
		should := layout.Holds(p.Machine().ID, chunk)
		if has.Has(chunk) && !should && others >= want.Copies {
			return fmt.Errorf("%s still has chunk %d of %s, which it need not hold", p.Machine().Name(), chunk, f)
		}
		if should && !has.Has(chunk) {
			return fmt.Errorf("%s has no chunk %d of %s, which it should hold", p.Machine().Name(), chunk, f)
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

// Rots notes that a process has found a chunk rotten: now it is gone, and was still counted on.
func (w *world) Rots(p *host.Process, f *host.File, chunk int) {
	w.exposed, w.harmed, w.files[f.Index].harmed[chunk] = w.Now(), w.Now(), w.Now()
	w.rotted = append(w.rotted, rotted{p, w.files[f.Index], chunk, w.Now()})
}

// rotted is a chunk that a process has found rotten, and when.
type rotted struct {
	p     *host.Process
	f     *file
	chunk int
	at    time.Duration
}

// noticing is how long a node needs to understand that it has found a chunk rotten.
const noticing = 2 * time.Second

// remembers checks that a process that says safe has not found rot itself that is still
// not mended (I10).
func (w *world) remembers(p *host.Process) {
	w.rotted = slices.DeleteFunc(w.rotted, func(r rotted) bool {
		return r.p.Machine().Process != r.p || r.p.Machine().Disk.Blob(r.f.Index, r.chunk) != nil || !r.p.Wanted[r.f.Index].Live
	})
	for _, r := range w.rotted {
		if r.p == p && w.Now() > r.at+noticing && w.stored(r.f.File, r.chunk, nil) < p.Wanted[r.f.Index].Copies {
			w.Breach("I10: %s says that all is safe, and has found chunk %d of %s rotten", p.Machine().Name(), r.chunk, r.f)
		}
	}
}
