package reconcile

import (
	"time"

	"shoal"
)

// sweep is a look at every file, page by page, and then at the garbage. It is over
// when all of that was seen; a page that cannot be read is tried again.
type sweep struct {
	wanted   bool // one is to begin: the census changed, or news were too many
	complete bool // every file was looked at since the census last changed

	active  bool
	routine bool // nothing has changed: the report stays as it is meanwhile
	gen     uint64
	after   shoal.FileID
	op      Op            // of the List or ListGarbage under way
	garbage bool          // the files are through, the garbage is next
	again   time.Duration // a page failed: not before
	failed  bool

	next time.Duration // when the next routine sweep begins
}

func (m *Machine) advanceSweep() {
	s := &m.sweep
	now := m.now.Mono
	if !s.active && (s.wanted || now >= s.next) {
		s.active, s.routine, s.failed = true, !s.wanted, false
		s.wanted, s.gen, s.after, s.garbage, s.next = false, m.gen, shoal.FileID{}, false, now+m.cfg.Rescan
	}
	if !s.active || s.op != 0 || now < s.again || len(m.backlog.queue) > lookBatch {
		return
	}
	s.op = m.op()
	m.looks.open[s.op] = &look{}
	if s.garbage {
		m.do(ListGarbage{Op: s.op})
	} else {
		m.do(List{Op: s.op, After: s.after})
	}
}

// ended takes the result of a sweep's look in: whether it failed, and the files
// whose chunks changed meanwhile.
func (m *Machine) swept(op Op, failed bool) (l *look, ok bool) {
	s := &m.sweep
	if op != s.op || op == 0 {
		return nil, false
	}
	l = m.looks.close(op)
	s.op = 0
	if failed {
		s.again, s.failed, s.routine = m.now.Mono+RetryAfter, true, false
		m.hurry = true
	}
	return l, !failed
}

func (m *Machine) listed(e Listed) {
	l, ok := m.swept(e.Op, e.Failed)
	if !ok {
		return
	}
	m.free = e.Free
	if len(e.Files) == 0 {
		m.sweep.garbage = true
		return
	}
	for _, s := range e.Files {
		m.backlog.push(found{Seen: s, routine: m.sweep.routine, stale: l.stale[s.File]})
	}
	m.sweep.after = e.Files[len(e.Files)-1].File
}

func (m *Machine) garbageListed(e GarbageListed) {
	l, ok := m.swept(e.Op, e.Failed)
	if !ok {
		return
	}
	for _, s := range e.Files {
		if e.Complete && !l.stale[s.File] {
			m.collect(s)
		}
	}
	m.sweep.active, m.sweep.failed = false, false
	m.sweep.complete = m.sweep.gen == m.gen
}
