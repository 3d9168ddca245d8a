package host

import (
	"context"
	"slices"
	"time"

	"shoal"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/flaw"
)

// fetches models the fetch engine of a process.
type fetches struct {
	p       *Process
	running []*fetching
}

// fetching is a fetch under way.
type fetching struct {
	reconcile.Fetch
	f      *File
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
func (x *fetches) fetch(a reconcile.Fetch) {
	p := x.p
	g := &fetching{Fetch: a, f: p.w.File(a.File.File)}
	for chunk := range a.Chunks.All {
		p.w.Witness.Repairs(p, g.f, chunk)
	}
	x.running = append(x.running, g)
	x.round(g)
}

// round asks for the missing chunks, a few times at most.
func (x *fetches) round(g *fetching) {
	p := x.p
	missing := 0
	for chunk := range g.Chunks.All {
		if b := p.m.Disk.Blob(g.f.Index, chunk); b == nil {
			missing++
			x.pull(g, chunk)
		} else if !b.Synced {
			missing++
		}
	}
	switch g.rounds++; {
	case missing == 0:
		x.fetched(g, reconcile.Done)
	case g.full:
		x.fetched(g, reconcile.Failed)
	case g.rounds > fetchRounds:
		x.fetched(g, reconcile.Nobody)
	default:
		p.w.After(roundTime, func() { p.Hand(func() { x.round(g) }) })
	}
}

func (x *fetches) fetched(g *fetching, outcome reconcile.Outcome) {
	p := x.p
	x.running = slices.DeleteFunc(x.running, func(o *fetching) bool { return o == g })
	p.w.After(0, func() { p.Hand(func() { p.Tell(reconcile.Fetched{Op: g.Op, Outcome: outcome}) }) })
}

// pull asks for one chunk of a fetch.
func (x *fetches) pull(g *fetching, chunk int) {
	p := x.p
	from := x.someone()
	if g.Only {
		from = p.w.Node(g.From)
	}
	if from == nil {
		return
	}
	x.requestOf(from, g.f, chunk, func(data []byte) {
		if data != nil && slices.Contains(x.running, g) {
			x.receive(g, chunk, data)
		}
	})
}

// someone is a connected machine that may be asked, by chance.
func (x *fetches) someone() *Machine {
	p := x.p
	peers := p.m.Peers()
	if len(peers) == 0 {
		return nil
	}
	if m := p.w.Nodes[peers[p.w.Random.IntN(len(peers))]]; p.Allows(m.ID) {
		return m
	}
	return nil
}

// Request asks a machine by chance for a chunk, and hands the verified bytes to
// then.
func (p *Process) Request(f *File, chunk int, then func(data []byte)) {
	if from := p.fetches.someone(); from != nil {
		p.fetches.requestOf(from, f, chunk, then)
	}
}

func (x *fetches) requestOf(from *Machine, f *File, chunk int, then func(data []byte)) {
	p := x.p
	to := p.m
	p.w.Send(to, from, func(q *Process) {
		data := q.Read(f, chunk)
		if data != nil && from.Lies {
			data = disk.Wrong(data)
		}
		q.w.Send(from, to, func(now *Process) {
			if now != p {
				return // the asker is gone, and the connection with it
			}
			if data != nil && p.w.Flaw != flaw.Gullible && f.Verify(chunk, data) != nil {
				data = nil
			}
			then(data)
		})
	})
}

// receive writes a chunk that has come, and has it synced a little later.
func (x *fetches) receive(g *fetching, chunk int, data []byte) {
	p := x.p
	f := g.f
	if p.m.Disk.Blob(f.Index, chunk) != nil {
		return
	}
	if p.w.Flaw == flaw.Greedy {
		p.m.Disk.Put(f.Index, chunk, data, p.w.Now())
	} else if p.quota.Put(context.Background(), shoal.Chunk{File: f.ID, Index: chunk}, data) != nil {
		g.full = true
		return
	}
	p.w.Moved++
	p.w.Witness.Reads(p, f, chunk, data)
	written := p.m.Disk.Blob(f.Index, chunk)
	p.w.After(p.w.Latency(), func() {
		p.Hand(func() { written.Synced = true }) // it is no matter if it was deleted meanwhile
	})
}
