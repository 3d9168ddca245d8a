package reconcile

import (
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// intake keeps a file that is being stored, and has no name yet, apart from the
// deletion of files without a name: it may be one of them. While one goes on, the
// other waits.
type intake struct {
	taking  map[Call]bool
	waiting []Call
	goes    int // files without a name that are being deleted
}

// takeIn lets a caller store a file, unless files without a name are being deleted.
func (m *Machine) takeIn(call Call) {
	if m.intake.goes > 0 {
		m.intake.waiting = append(m.intake.waiting, call)
		return
	}
	m.intake.taking[call] = true
	m.do(Admit{Call: call})
}

// expire deletes a file that no name means any more, when its time is over.
func (m *Machine) expire(s Seen) {
	if !s.Here {
		return
	}
	f := fileOf(s)
	m.dismiss(f, Removed, content.FullBitmap(f.Chunks), func() bool {
		return m.keeper.Removed(m.now.Mono, f, m.now.Wall, s.Since, m.cfg.Trash)
	})
}

// collect deletes a file that no name ever meant, when its time is over: the rest
// of an interrupted add or read, or a file that a revoked node had named.
func (m *Machine) collect(s Seen) {
	f := repair.File{ID: s.File, Chunks: s.Own.Len()}
	m.dismiss(f, Garbage, s.Own, func() bool { return m.keeper.Orphan(m.now.Mono, f, m.cfg.Trash) })
}

// dismiss deletes a file without a name if that is due. The file is looked at once
// more, for somebody may have named it since.
func (m *Machine) dismiss(f repair.File, why Why, chunks content.Bitmap, due func() bool) {
	if len(m.intake.taking) > 0 || len(m.intake.waiting) > 0 || !due() || !m.keeper.Leave(f.ID, chunks) {
		return // the next sweep comes by again
	}
	m.intake.goes++
	m.stale(f.ID)
	m.looks.at([]shoal.FileID{f.ID}, func(seen []Seen) {
		if s := seen[0]; s.Failed || s.Live {
			m.dismissed(f.ID)
			m.backlog.news[f.ID] = true
			return
		}
		op := m.op()
		m.trims.deleting[op] = deletion{file: f.ID, nameless: true}
		m.do(Delete{Op: op, File: f.ID, Chunks: chunks, Whole: why == Removed, Why: why})
	})
}

// dismissed ends the deletion of a file without a name.
func (m *Machine) dismissed(id shoal.FileID) {
	m.keeper.Gone(id)
	m.stale(id)
	m.intake.goes--
	if m.intake.goes > 0 {
		return
	}
	waiting := m.intake.waiting
	m.intake.waiting = nil
	for _, call := range waiting {
		m.takeIn(call)
	}
}

// trims is the files whose surplus is being asked about, and the deletions under
// way.
type trims struct {
	next     time.Duration
	queue    []shoal.FileID
	running  map[shoal.FileID]bool // true if the file's names or chunks changed meanwhile
	deleting map[Op]deletion
}

// deletion is chunks that are being deleted.
type deletion struct {
	file     shoal.FileID
	nameless bool
}

// trimEvery is how often surplus is looked at: more often where nothing is kept
// for long.
func (c Config) trimEvery() time.Duration {
	return min(TrimEvery, max(c.TrimDelay, time.Second))
}

// advanceTrims looks at surplus now and then, and has names forgotten that mean
// nothing any more. Their age is told by the wall clock, so they are kept within
// an hour of a jump of that.
func (m *Machine) advanceTrims() {
	now := m.now.Mono
	if now >= m.trims.next {
		m.trims.next = now + m.cfg.trimEvery()
		m.keeper.Sweep(now)
		if len(m.trims.queue) == 0 && !m.view.Braked && now >= m.view.Changed+m.cfg.TrimDelay {
			m.trims.queue = slices.SortedFunc(maps.Keys(m.surplus), func(a, b shoal.FileID) int { return slices.Compare(a[:], b[:]) })
		}
		if m.keeper.Steady(now) >= CompactEvery && now >= m.compacted+CompactEvery && m.compacting == 0 {
			m.compacted, m.compacting = now, m.op()
			m.do(Compact{Op: m.compacting})
		}
	}
	for len(m.trims.queue) > 0 && len(m.trims.running) < trimWidth {
		id := m.trims.queue[0]
		m.trims.queue = m.trims.queue[1:]
		m.trims.running[id] = false
		m.looks.at([]shoal.FileID{id}, func(seen []Seen) { m.trim(seen[0]) })
	}
}

// trim asks the other holders of a file to pledge their copies.
func (m *Machine) trim(s Seen) {
	if s.Failed || !s.Live {
		delete(m.trims.running, s.File)
		return
	}
	m.trims.running[s.File] = false
	f := fileOf(s)
	m.asking.ask(query{to: m.keepers(f, m.refused[f.ID]), file: f}, func(replies []reply) {
		if !m.trims.running[f.ID] { // else the next round sees it as it is now
			m.letGo(f, m.here(s), pledges(replies))
		}
		delete(m.trims.running, f.ID)
	})
}

// letGo deletes the surplus that enough nodes have pledged to keep. From now on
// this node says that it does not have those chunks.
func (m *Machine) letGo(f repair.File, have content.Bitmap, given []trim.Pledge) {
	need := repair.NeedOf(m.view, m.cfg.Self, f, have, m.instead[f.ID].lacks)
	if need.Surplus.Count() == 0 {
		delete(m.surplus, f.ID)
		return
	}
	free := m.keeper.Surplus(m.now.Mono, m.cfg.TrimDelay, m.view, f, need, given)
	if free.Count() == 0 || !m.keeper.Leave(f.ID, free) {
		return
	}
	m.stale(f.ID)
	op := m.op()
	m.trims.deleting[op] = deletion{file: f.ID}
	m.do(Delete{Op: op, File: f.ID, Chunks: free, Why: Surplus})
}

// deleted ends a deletion.
func (m *Machine) deleted(e Deleted) {
	d, known := m.trims.deleting[e.Op]
	if !known {
		return
	}
	delete(m.trims.deleting, e.Op)
	m.backlog.news[d.file] = true
	if d.nameless {
		m.dismissed(d.file)
		return
	}
	m.keeper.Gone(d.file)
	m.stale(d.file)
}
