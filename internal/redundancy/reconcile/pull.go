package reconcile

import (
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// Fetches run many at a time when they are small, for each waits for the network
// most of the time, and few at a time when they are large.
const (
	pullWidth   = 12
	costlyBytes = 4 << 20 // a fetch of this size takes a quarter of the width
)

func costOf(size int64) int64 {
	return 1 + min(max(size, 0), costlyBytes)*(pullWidth/4-1)/costlyBytes
}

// pull is chunks of a file that are being fetched, or wait for a place.
type pull struct {
	seen   Seen
	chunks content.Bitmap
	cost   int64
	began  time.Duration

	awaited bool         // somebody may be waiting for them
	by      shoal.NodeID // the node that has just named the file
	first   bool         // this node makes the first copy of them beside that node's
}

type pulls struct {
	queue   []*pull
	running map[Op]*pull
	used    int64
}

// fetch queues the missing chunks of a file. If the file was just named, the chunks
// come first that get their second copy here; the rest follows when other nodes
// had time for theirs.
func (m *Machine) fetch(j *job) {
	p := &pull{seen: j.seen, chunks: j.pull}
	if by, fresh := m.fresh[j.file.ID]; fresh {
		p.awaited, p.by = true, by
		if first := repair.First(m.view, m.cfg.Self, by, j.file, j.pull); first.Count() > 0 {
			p.chunks, p.first = first, true
		}
	}
	if p.chunks.Count() == 0 || m.rests(j.file.ID) || !m.keeper.Come(j.file.ID) {
		return
	}
	p.cost = costOf(int64(p.chunks.Count()) * int64(j.seen.ChunkSize))
	m.pulls.queue = append(m.pulls.queue, p)
}

// rests reports whether a file's other chunks are left to later.
func (m *Machine) rests(id shoal.FileID) bool {
	until, rests := m.resting[id]
	if rests && m.now.Mono < until {
		m.backlog.retries.set(id, retry{at: until})
		return true
	}
	delete(m.resting, id)
	return false
}

// startPulls starts the fetches for which there are places, in order.
func (m *Machine) startPulls() {
	for len(m.pulls.queue) > 0 && m.pulls.used+m.pulls.queue[0].cost <= pullWidth {
		p := m.pulls.queue[0]
		m.pulls.queue = m.pulls.queue[1:]
		m.pulls.used += p.cost
		p.began = m.now.Mono
		m.start(p, p.first)
	}
}

// start asks for a fetch. A chunk that gets its second copy here is still only on
// the node that named the file, so no other node is asked: announcing every chunk
// to each other would slow all holders down.
func (m *Machine) start(p *pull, only bool) {
	op := m.op()
	m.pulls.running[op] = p
	m.do(Fetch{Op: op, File: p.seen, Chunks: p.chunks, From: p.by, Only: only, Background: !p.awaited})
}

// fetched takes in how a fetch ended. If the one node that was asked has gone, or
// does not have all it added, the others are asked.
func (m *Machine) fetched(e Fetched) {
	p := m.pulls.running[e.Op]
	if p == nil {
		return
	}
	delete(m.pulls.running, e.Op)
	if e.Outcome == Nobody && p.first {
		p.first = false
		m.start(p, false)
		return
	}
	m.pulls.used -= p.cost
	m.came(p, e.Outcome)
}

// came ends a fetch. The file is looked at again: not all of it was fetched, or it
// has changed meanwhile.
func (m *Machine) came(p *pull, outcome Outcome) {
	id := p.seen.File
	m.keeper.Came(id)
	if outcome != Done {
		r := m.backlog.retries.of[id].longer(m.now.Mono)
		if r.vain++; outcome != Nobody {
			r.vain = 0
		}
		m.backlog.retries.set(id, r)
		return
	}
	if chunks := m.rotten[id]; chunks > 0 {
		m.do(Repaired{Chunks: chunks})
		delete(m.rotten, id)
	}
	next := m.now.Mono
	if p.first {
		next += repair.RestAfter(m.now.Mono - p.began)
		m.resting[id] = next
	}
	m.backlog.retries.set(id, retry{at: next})
	delete(m.fresh, id)
}
