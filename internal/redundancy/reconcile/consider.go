package reconcile

import (
	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// job is a file that is being decided on, while other nodes are asked about it.
type job struct {
	seen    Seen
	file    repair.File
	have    content.Bitmap
	routine bool
	gen     uint64 // of the census it was begun by
	stale   bool
	short   extents
	need    repair.Need
	pull    content.Bitmap // what fits
	refused content.Bitmap // of need.Pull, the chunks that do not
	examine Call           // somebody only wants to know
}

// considerAll decides on the files that were looked at, in turn. Until a file can be
// read, this node does not claim to have all it should.
func (m *Machine) considerAll() {
	for len(m.backlog.queue) > 0 && len(m.jobs) < jobWidth && len(m.pulls.queue) < pullsWait {
		f := m.backlog.pop()
		switch {
		case f.stale:
			m.backlog.news[f.File] = true
		case f.Failed:
			m.backlog.unlooked[f.File], m.hurry = true, true
			m.backlog.retries.later(f.File, m.now.Mono)
		default:
			delete(m.backlog.unlooked, f.File)
			m.consider(f)
		}
	}
}

func (m *Machine) consider(f found) {
	switch {
	case !f.Known:
		m.forget(f.File)
	case !f.Live:
		m.forget(f.File)
		m.expire(f.Seen)
	default:
		m.keeper.Wanted(f.File)
		m.begin(&job{seen: f.Seen, routine: f.routine})
	}
}

// examine looks for the missing chunks of one file, for a caller.
func (m *Machine) examine(e Examine) {
	m.looks.at([]shoal.FileID{e.File}, func(seen []Seen) {
		switch s := seen[0]; {
		case s.Failed || !s.Live || s.Copies == 0:
			m.do(Examined{Call: e.Call, Failed: s.Failed})
		default:
			m.begin(&job{seen: s, examine: e.Call})
		}
	})
}

// begin works out this node's part of a file. First it asks the holders without
// room, for this node may stand in for them.
func (m *Machine) begin(j *job) {
	j.file, j.have, j.gen = fileOf(j.seen), m.here(j.seen), m.gen
	j.file.Waited = m.now.Mono < m.awaited[j.file.ID]
	m.jobs[j] = true
	if !j.routine && j.examine == 0 {
		m.backlog.urgent++
	}
	m.asking.ask(query{to: m.full(j.file), file: j.file}, func(replies []reply) {
		j.short = make(extents)
		for _, r := range replies {
			if !r.Has.Full() {
				j.short[r.From] = r.Has
			}
		}
		m.fit(j)
	})
}

// fit takes the missing chunks for which this node has room. For the rest it asks
// the other holders: a chunk that enough nodes have pledged is not missing.
func (m *Machine) fit(j *job) {
	j.need = repair.NeedOf(m.view, m.cfg.Self, j.file, j.have, j.short.lacks)
	j.pull, j.refused = content.NewBitmap(j.file.Chunks), content.NewBitmap(j.file.Chunks)
	room := m.free
	for chunk := range j.need.Pull.All {
		if room -= int64(j.seen.ChunkSize); room < 0 {
			j.refused.Set(chunk)
		} else {
			j.pull.Set(chunk)
		}
	}
	var to []shoal.NodeID
	if j.refused.Count() > 0 {
		if j.examine == 0 {
			m.refused[j.file.ID] = true
		}
		to = m.keepers(j.file, true)
	} else if j.examine == 0 {
		delete(m.refused, j.file.ID)
	}
	m.asking.ask(query{to: to, file: j.file}, func(replies []reply) { m.conclude(j, pledges(replies)) })
}

// room takes in how much room there is. When there is more, the files are looked at
// again that this node had no room for, now and then.
func (m *Machine) room(free int64) {
	if free > m.free && len(m.refused) > 0 && m.now.Mono >= m.roomy+RetryAfter {
		m.roomy = m.now.Mono
		for id := range m.refused {
			m.backlog.news[id] = true
		}
		m.limitNews()
	}
	m.free = free
}

// conclude notes the missing chunks, and fetches them.
func (m *Machine) conclude(j *job, given []trim.Pledge) {
	delete(m.jobs, j)
	if !j.routine && j.examine == 0 {
		m.backlog.urgent--
	}
	lacking := j.need.Pull.Clone()
	for chunk := range j.refused.All {
		if trim.Pledged(m.now.Mono, m.view, chunk, given) >= j.file.Copies {
			lacking.Clear(chunk)
		}
	}
	switch {
	case j.examine != 0:
		m.do(Examined{Call: j.examine, Lacking: lacking})
	case j.stale || j.gen != m.gen:
		m.backlog.news[j.file.ID] = true
	default:
		m.note(j, lacking)
		m.fetch(j, lacking)
	}
}

// note keeps the findings on a file. If this node has no room for any of the
// missing chunks, it looks at the file again later.
func (m *Machine) note(j *job, lacking content.Bitmap) {
	id := j.file.ID
	if j.pull.Count() == 0 {
		delete(m.fresh, id)
	}
	if count := lacking.Count(); count > 0 {
		m.lacks.set(id, bytesOf(j.seen, count))
		if j.pull.Count() == 0 {
			m.backlog.retries.later(id, m.now.Mono)
		}
	} else {
		m.lacks.set(id, 0)
		m.backlog.retries.drop(id)
	}
	if len(j.short) > 0 {
		m.instead[id] = j.short
	} else {
		delete(m.instead, id)
	}
	if j.need.Surplus.Count() > 0 {
		m.surplus[id] = true
	} else {
		delete(m.surplus, id)
	}
}

// forget drops the findings on a file that this node need not hold.
func (m *Machine) forget(id shoal.FileID) {
	m.lacks.set(id, 0)
	delete(m.fresh, id)
	delete(m.pulls.resting, id)
	delete(m.refused, id)
	delete(m.instead, id)
	delete(m.surplus, id)
	delete(m.rotten, id)
	m.backlog.retries.drop(id)
}
