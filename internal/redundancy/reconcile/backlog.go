package reconcile

import (
	"container/heap"
	"maps"
	"slices"
	"time"

	"shoal"
)

// backlog is the files to look at, and those to look at again later.
type backlog struct {
	news     map[shoal.FileID]bool
	looking  bool                  // a Look at news is under way
	queue    []found               // files that were looked at and are to be decided on
	urgent   int                   // files in the queue or in jobs that were not found by a routine sweep
	unlooked map[shoal.FileID]bool // files at which a look failed
	retries  retries
}

// found is a file that was looked at.
type found struct {
	Seen
	routine bool
	stale   bool // its chunks changed since
}

func newBacklog() backlog {
	return backlog{news: make(map[shoal.FileID]bool), unlooked: make(map[shoal.FileID]bool), retries: retries{of: make(map[shoal.FileID]retry)}}
}

func (b *backlog) push(f found) {
	b.queue = append(b.queue, f)
	if !f.routine {
		b.urgent++
	}
}

func (b *backlog) pop() found {
	f := b.queue[0]
	b.queue = b.queue[1:]
	if !f.routine {
		b.urgent--
	}
	return f
}

// named takes in names from other nodes and this one. Somebody may be waiting for
// the copies of a file that was named a moment ago.
func (m *Machine) named(e Named) {
	for _, p := range e.Heard {
		m.heard[p.Author] = p.Upto
	}
	if m.cfg.Ephemeral {
		return
	}
	for _, n := range e.Files {
		m.backlog.news[n.File] = true
		m.outdate(n.File)
		if n.By != "" && m.now.Wall.Sub(n.At) < freshFor && len(m.fresh) < newsLimit {
			if _, known := m.fresh[n.File]; !known {
				m.fresh[n.File] = n.By
			}
		}
	}
	m.limitNews()
}

// limitNews bounds the single files to look at.
func (m *Machine) limitNews() {
	if len(m.backlog.news) > newsLimit {
		clear(m.backlog.news)
		m.sweep.wanted = true
	}
}

// recheck takes in that files are to be looked at. All files are retried at once.
func (m *Machine) recheck(e Recheck) {
	for _, id := range e.Files {
		m.backlog.news[id] = true
	}
	if e.All {
		m.sweep.wanted = true
		m.backlog.retries.clear()
	}
	m.limitNews()
}

// damaged takes in that chunks are gone. The next report says so.
func (m *Machine) damaged(e Damaged) {
	m.rotten[e.File] += e.Chunks
	m.backlog.news[e.File] = true
	m.stale(e.File)
	m.hurry = true
	m.limitNews()
}

// lookAtNews asks for the files to look at, one batch at a time.
func (m *Machine) lookAtNews() {
	for _, id := range m.backlog.retries.due(m.now.Mono) {
		if !m.keeper.Coming(id) {
			m.backlog.news[id] = true
		}
	}
	if m.backlog.looking || len(m.backlog.news) == 0 || len(m.backlog.queue) > lookBatch {
		return
	}
	files := slices.SortedFunc(maps.Keys(m.backlog.news), func(a, b shoal.FileID) int { return slices.Compare(a[:], b[:]) })
	files = files[:min(len(files), lookBatch)]
	for _, id := range files {
		delete(m.backlog.news, id)
	}
	m.backlog.looking = true
	m.looks.at(files, func(seen []Seen) {
		m.backlog.looking = false
		for _, s := range seen {
			m.backlog.push(found{Seen: s})
		}
	})
}

// looks is the looks under way.
type looks struct {
	*outbox
	open map[Op]*look
}

// look is a Look, a List or a ListGarbage under way.
type look struct {
	files []shoal.FileID        // nil is any
	stale map[shoal.FileID]bool // files whose chunks changed meanwhile
	done  func([]Seen)
}

// at looks at files, and calls done with them. Files whose chunks went meanwhile are
// looked at again first.
func (l *looks) at(files []shoal.FileID, done func([]Seen)) {
	op := l.op()
	l.open[op] = &look{files: files, done: done}
	l.do(Look{Op: op, Files: files})
}

func (l *looks) looked(e Looked) {
	ended := l.close(e.Op)
	if ended == nil {
		return
	}
	for _, s := range e.Files {
		if ended.stale[s.File] {
			l.at(ended.files, ended.done)
			return
		}
	}
	ended.done(e.Files)
}

// close takes a look that has ended; nil if there is none.
func (l *looks) close(op Op) *look {
	ended := l.open[op]
	delete(l.open, op)
	return ended
}

// outdate says that the names or the chunks of a file are others than were seen by
// looks under way, and by files that wait for answers.
func (m *Machine) outdate(id shoal.FileID) {
	for _, l := range m.looks.open {
		if l.files == nil || slices.Contains(l.files, id) {
			if l.stale == nil {
				l.stale = make(map[shoal.FileID]bool)
			}
			l.stale[id] = true
		}
	}
	for j := range m.jobs {
		j.stale = j.stale || j.seen.File == id
	}
	if _, asked := m.trims.running[id]; asked {
		m.trims.running[id] = true
	}
}

// stale says that the chunks of a file are others than were seen: files that are to
// be decided on are looked at again, too.
func (m *Machine) stale(id shoal.FileID) {
	m.outdate(id)
	for i, f := range m.backlog.queue {
		if f.File == id {
			m.backlog.queue[i].stale = true
		}
	}
}

// retry is when to look at a file again.
type retry struct {
	at   time.Duration
	wait time.Duration
	vain int // failures in a row because no node had the chunks; one may be an accident
}

// retries is the files to look at again. The heap has an entry for each time that
// a retry was set; only the last entry of a file counts.
type retries struct {
	of    map[shoal.FileID]retry
	queue dueQueue
	stuck int // files with vainTries failures in a row, or more
}

func (r *retries) set(id shoal.FileID, next retry) {
	r.drop(id)
	r.of[id] = next
	if next.vain >= vainTries {
		r.stuck++
	}
	heap.Push(&r.queue, due{next.at, id})
}

func (r *retries) drop(id shoal.FileID) {
	if r.of[id].vain >= vainTries {
		r.stuck--
	}
	delete(r.of, id)
}

func (r *retries) clear() {
	clear(r.of)
	r.queue, r.stuck = nil, 0
}

// hasten makes the files due now of which no node had the chunks.
func (r *retries) hasten(now time.Duration) {
	for id, next := range r.of {
		if next.vain > 0 && next.at > now {
			next.at = now
			r.of[id] = next
			heap.Push(&r.queue, due{now, id})
		}
	}
}

// next is when the first file is due.
func (r *retries) next() (time.Duration, bool) {
	for len(r.queue) > 0 {
		first := r.queue[0]
		if now, known := r.of[first.file]; known && now.at == first.at {
			return first.at, true
		}
		heap.Pop(&r.queue)
	}
	return 0, false
}

// due takes the files that are due. They keep their retry until it is dropped, and
// are due again when it is set anew.
func (r *retries) due(now time.Duration) (files []shoal.FileID) {
	for at, ok := r.next(); ok && at <= now; at, ok = r.next() {
		files = append(files, heap.Pop(&r.queue).(due).file)
	}
	return files
}

// longer is the retry after this one: each is after twice as long.
func (r retry) longer(now time.Duration) retry {
	r.wait = min(max(2*r.wait, RetryAfter), maxRetryAfter)
	r.at = now + r.wait
	return r
}

// later has a file looked at again.
func (r *retries) later(id shoal.FileID, now time.Duration) { r.set(id, r.of[id].longer(now)) }

// due is a moment at which a file is to be looked at again.
type due struct {
	at   time.Duration
	file shoal.FileID
}

// dueQueue is a heap (container/heap) with the first moment on top.
type dueQueue []due

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(due)) }
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	*q = (*q)[:last]
	return d
}
