package reconcile

import (
	"maps"
	"slices"
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
	looked time.Duration  // when the store was last asked how far it is
	lacks  content.Bitmap // all chunks that the file lacked when it was decided on

	awaited bool         // somebody may be waiting for them
	by      shoal.NodeID // the node that has just named the file
	first   bool         // this node makes the first copy of them beside that node's
}

// pulls is the fetches that run, and those that wait for a place.
type pulls struct {
	*outbox
	queue   []*pull
	running map[Op]*pull
	used    int64
	resting map[shoal.FileID]time.Duration // files whose other chunks wait until then
}

// fetch queues the missing chunks of a file. If the file was just named, the chunks
// come first that get their second copy here; the rest follows when other nodes
// had time for theirs.
func (m *Machine) fetch(j *job, lacking content.Bitmap) {
	p := &pull{seen: j.seen, chunks: j.pull, lacks: lacking}
	if by, fresh := m.fresh[j.file.ID]; fresh {
		p.awaited, p.by = true, by
		if first := repair.First(m.view, m.cfg.Self, by, j.file, j.pull); first.Count() > 0 {
			p.chunks, p.first = first, true
		}
	}
	if p.chunks.Count() == 0 || m.pulls.rests(j.file.ID, &m.backlog.retries) || !m.keeper.Come(j.file.ID) {
		return
	}
	p.cost = costOf(int64(p.chunks.Count()) * int64(j.seen.ChunkSize))
	m.pulls.queue = append(m.pulls.queue, p)
}

// rests reports whether a file's other chunks are left to later.
func (p *pulls) rests(id shoal.FileID, again *retries) bool {
	until, rests := p.resting[id]
	if rests && p.now.Mono < until {
		again.set(id, retry{at: until})
		return true
	}
	delete(p.resting, id)
	return false
}

// startAll starts the fetches for which there are places, in order.
func (p *pulls) startAll() {
	for len(p.queue) > 0 && p.used+p.queue[0].cost <= pullWidth {
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.used += next.cost
		next.began, next.looked = p.now.Mono, p.now.Mono
		p.start(next, next.first)
	}
}

// start asks for a fetch. A chunk that gets its second copy here is still only on
// the node that named the file, so no other node is asked: announcing every chunk
// to each other would slow all holders down.
func (p *pulls) start(next *pull, only bool) {
	op := p.op()
	p.running[op] = next
	p.do(Fetch{Op: op, File: next.seen, Chunks: next.chunks, From: next.by, Only: only, Background: !next.awaited})
}

// watchPulls looks now and then how far the fetches are, so that the report says how
// much is left of a large file.
func (m *Machine) watchPulls() {
	for _, op := range slices.Sorted(maps.Keys(m.pulls.running)) {
		p := m.pulls.running[op]
		if m.now.Mono < p.looked+watchEvery {
			continue
		}
		p.looked = m.now.Mono
		m.looks.at([]shoal.FileID{p.seen.File}, func(seen []Seen) {
			if s := seen[0]; m.pulls.running[op] == p && !s.Failed && s.Live {
				m.lacks.set(s.File, bytesOf(s, without(p.lacks, m.here(s)).Count()))
			}
		})
	}
}

// watchEvery is how often a running fetch is looked at.
const watchEvery = 2 * time.Second

// bytesOf is the size of some chunks of a file, at most.
func bytesOf(s Seen, chunks int) int64 { return min(int64(chunks)*int64(s.ChunkSize), s.Size) }

// without is the chunks of a that are not in b.
func without(a, b content.Bitmap) content.Bitmap {
	left := a.Clone()
	for chunk := range b.All {
		left.Clear(chunk)
	}
	return left
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
		m.pulls.start(p, false)
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
		m.pulls.resting[id] = next
	}
	m.backlog.retries.set(id, retry{at: next})
	delete(m.fresh, id)
}
