package sim

import (
	"bytes"
	"context"
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/membership/liveness"
	"shoal/internal/redundancy/reconcile"
)

// perform models how a node performs its reconciler's actions: everything takes a
// while, and an answer of the disk may be out of date when it arrives.
func (p *process) perform(a reconcile.Action) {
	switch a := a.(type) {
	case reconcile.Look:
		p.look(func() reconcile.Event { return reconcile.Looked{Op: a.Op, Files: p.seeAll(a.Files), Free: p.room()} })
	case reconcile.List:
		p.look(func() reconcile.Event {
			return reconcile.Listed{Op: a.Op, Files: p.seeAll(p.page(a.After)), Free: p.room()}
		})
	case reconcile.ListGarbage:
		p.look(func() reconcile.Event { return reconcile.GarbageListed{Op: a.Op, Complete: true, Files: p.garbage()} })
	case reconcile.Ask:
		for _, id := range a.To {
			p.ask(p.w.node(id), a)
		}
	case reconcile.Fetch:
		p.fetch(a)
	case reconcile.Delete:
		p.delete(a)
	case reconcile.Compact:
		p.soon(func() { p.tell(reconcile.Compacted{Op: a.Op}) })
	case reconcile.Report:
		p.detect(liveness.Say{Own: liveness.Own{Digest: a.Account.Encode(), Free: uint64(max(a.Free, 0)), Full: a.Full}})
	case reconcile.Acknowledge:
		p.reply(a.Call, a)
	case reconcile.Admit:
		p.reply(a.Call, a)
	case reconcile.Answer:
		p.reply(a.Call, a)
	case reconcile.Wake:
		p.wakeAt(a.At)
	}
}

// wakeAt tells the reconciler later that time has passed, unless it asks for another
// time before.
func (p *process) wakeAt(at time.Duration) {
	p.keep.wakes = at
	p.w.After(at-p.w.Now(), func() {
		if p.keep.wakes == at {
			p.hand(func() { p.tell(p.passed()) })
		}
	})
}

// look has something read from the disk a little later, and told to the reconciler
// a little later than that.
func (p *process) look(read func() reconcile.Event) {
	p.soon(func() {
		event := read()
		p.soon(func() { p.tell(event) })
	})
}

// pageSize is how many files are listed at once: few, so that there are many pages.
const pageSize = 4

// page is the files behind one, in order of id, that names mean or meant.
func (p *process) page(after shoal.FileID) (ids []shoal.FileID) {
	for index := range p.wanted {
		if id := p.w.files[index].ID; bytes.Compare(id[:], after[:]) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b shoal.FileID) int { return bytes.Compare(a[:], b[:]) })
	return ids[:min(len(ids), pageSize)]
}

// seeAll is files as the names and the disk have them.
func (p *process) seeAll(ids []shoal.FileID) (files []reconcile.Seen) {
	for _, id := range ids {
		files = append(files, p.see(p.w.file(id)))
	}
	return files
}

func (p *process) see(f *file) reconcile.Seen {
	s := reconcile.Seen{File: f.ID, Here: len(p.m.disk.chunks[f.index]) > 0, Own: p.m.disk.has(f)}
	if want, known := p.wanted[f.index]; known {
		s.Known, s.Live, s.Size, s.ChunkSize, s.Copies, s.Since = true, want.live, f.Size, chunkSize, want.copies, p.m.disk.died[f.index]
	}
	return s
}

// garbage is the files on the disk that no name ever meant.
func (p *process) garbage() (files []reconcile.Seen) {
	for _, index := range sortedKeys(p.m.disk.chunks) {
		s := p.see(p.w.files[index])
		if !s.Known && s.Own.Count() > 0 && p.w.cfg.Flaw != Hoarding {
			files = append(files, s)
		}
	}
	return files
}

// ask puts a question to another process. A lost question is never answered.
func (p *process) ask(to *machine, a reconcile.Ask) {
	f, from, upto := p.w.file(a.File), p.m, p.w.cfg.heard(a.Upto)
	p.w.send(p.m, to, func(q *process) {
		if a.Waited {
			q.keep.waited[f.index] = q.w.Now() + waitedFor
		}
		q.call(func(c reconcile.Call) reconcile.Event {
			return reconcile.Asked{Call: c, From: from.id, File: a.File, Chunks: a.Chunks, Upto: upto, Heard: q.vector[from.id], Waited: a.Waited}
		}, func(answer reconcile.Action) {
			hold := answer.(reconcile.Answer)
			q.w.send(q.m, from, func(now *process) {
				if now == p {
					p.tell(reconcile.Answered{Op: a.Op, From: to.id, Has: hold.Has, Pledge: p.w.cfg.pledged(hold.Pledge)})
				}
			})
		})
	})
}

// waitedFor is how long a file counts as waited for after the last question.
const waitedFor = 30 * time.Second

// fetching is a fetch under way.
type fetching struct {
	reconcile.Fetch
	f      *file
	rounds int
	full   bool // there was no room for a chunk
}

// fetchRounds is how often the missing chunks of a fetch are asked for, and
// roundTime the time in between.
const (
	fetchRounds = 4
	roundTime   = time.Second
)

// fetch gets chunks from the one node that is to be asked, or from others by chance.
func (p *process) fetch(a reconcile.Fetch) {
	g := &fetching{Fetch: a, f: p.w.file(a.File.File)}
	for chunk := range a.Chunks.All {
		p.w.repairs(p, g.f, chunk)
	}
	p.keep.fetches = append(p.keep.fetches, g)
	p.round(g)
}

// round asks for the missing chunks, a few times at most.
func (p *process) round(g *fetching) {
	missing := 0
	for chunk := range g.Chunks.All {
		if b := p.m.disk.chunks[g.f.index][chunk]; b == nil {
			missing++
			p.pull(g, chunk)
		} else if !b.synced {
			missing++
		}
	}
	switch g.rounds++; {
	case missing == 0:
		p.fetched(g, reconcile.Done)
	case g.full:
		p.fetched(g, reconcile.Failed)
	case g.rounds > fetchRounds:
		p.fetched(g, reconcile.Nobody)
	default:
		p.w.After(roundTime, func() { p.hand(func() { p.round(g) }) })
	}
}

func (p *process) fetched(g *fetching, outcome reconcile.Outcome) {
	p.keep.fetches = slices.DeleteFunc(p.keep.fetches, func(o *fetching) bool { return o == g })
	p.w.After(0, func() { p.hand(func() { p.tell(reconcile.Fetched{Op: g.Op, Outcome: outcome}) }) })
}

// pull asks for one chunk of a fetch.
func (p *process) pull(g *fetching, chunk int) {
	from := p.someone()
	if g.Only {
		from = p.w.node(g.From)
	}
	if from == nil {
		return
	}
	p.requestOf(from, g.f, chunk, func(data []byte) {
		if data != nil && slices.Contains(p.keep.fetches, g) {
			p.receive(g, chunk, data)
		}
	})
}

// someone is a connected machine that may be asked, by chance.
func (p *process) someone() *machine {
	peers := p.m.peers()
	if len(peers) == 0 {
		return nil
	}
	if m := p.w.nodes[peers[p.w.random.IntN(len(peers))]]; p.allows(m.id) {
		return m
	}
	return nil
}

// request asks a machine by chance for a chunk, and hands the verified bytes to
// then.
func (p *process) request(f *file, chunk int, then func(data []byte)) {
	if from := p.someone(); from != nil {
		p.requestOf(from, f, chunk, then)
	}
}

func (p *process) requestOf(from *machine, f *file, chunk int, then func(data []byte)) {
	to := p.m
	p.w.send(to, from, func(q *process) {
		data := q.read(f, chunk)
		if data != nil && from.lies {
			data = wrong(data)
		}
		q.w.send(from, to, func(now *process) {
			if now != p {
				return // the asker is gone, and the connection with it
			}
			if data != nil && p.w.cfg.Flaw != Gullible && f.Verify(chunk, data) != nil {
				data = nil
			}
			then(data)
		})
	})
}

// read reads a chunk, and finds out if it has rotted.
func (p *process) read(f *file, chunk int) []byte {
	b := p.m.disk.chunks[f.index][chunk]
	if b == nil {
		return nil
	}
	if f.Verify(chunk, b.data) == nil {
		return b.data
	}
	p.w.exposed, p.w.harmed, f.harmed[chunk] = p.w.Now(), p.w.Now(), p.w.Now() // now it is gone, and was still counted on
	p.w.note("%s finds that %s/%d has rotted", p.m.name(), f, chunk)
	p.m.disk.drop(f.index, chunk)
	p.w.After(0, func() { p.hand(func() { p.tell(reconcile.Damaged{File: f.ID, Chunks: 1}) }) })
	return nil
}

// receive writes a chunk that has come, and has it synced a little later.
func (p *process) receive(g *fetching, chunk int, data []byte) {
	f := g.f
	if p.m.disk.chunks[f.index][chunk] != nil {
		return
	}
	if p.w.cfg.Flaw == Greedy {
		p.m.disk.put(f, chunk, data, p.w.Now())
	} else if p.quota.Put(context.Background(), shoal.Chunk{File: f.ID, Index: chunk}, data) != nil {
		g.full = true
		return
	}
	p.w.moved++
	p.w.reads(p, f, chunk, data)
	written := p.m.disk.chunks[f.index][chunk]
	p.w.After(p.w.latency(), func() {
		p.hand(func() { written.synced = true }) // it is no matter if it was deleted meanwhile
	})
}

// delete deletes chunks. It is done although the process is frozen: the system does
// it. Of more copies that are wanted from now on the node need not know.
func (p *process) delete(a reconcile.Delete) {
	f, wanted := p.w.file(a.File), p.wanted[p.w.file(a.File).index].copies
	chunks := a.Chunks
	if a.Why != reconcile.Surplus {
		p.w.dismisses(p, f)
	}
	if a.Whole {
		chunks = content.FullBitmap(f.chunks)
	}
	p.w.note("%s deletes %d chunks of %s: %v", p.m.name(), chunks.Count(), f, a.Why)
	p.w.After(p.w.latency(), func() {
		if p.m.process != p {
			return
		}
		for chunk := range chunks.All {
			if a.Why == reconcile.Surplus {
				p.w.deletes(p, f, chunk, wanted)
			}
			p.m.disk.drop(f.index, chunk)
		}
		p.hand(func() { p.tell(reconcile.Deleted{Op: a.Op}) })
	})
}
