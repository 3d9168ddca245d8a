package host

import (
	"time"

	"shoal/internal/content"
	"shoal/internal/membership/liveness"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/testnet/sim/flaw"
)

// perform models how a node performs its reconciler's actions: everything takes a
// while, and an answer of the disk may be out of date when it arrives.
func (p *Process) perform(a reconcile.Action) {
	s := sights{p}
	switch a := a.(type) {
	case reconcile.Look:
		p.look(func() reconcile.Event { return reconcile.Looked{Op: a.Op, Files: s.seeAll(a.Files), Free: p.room()} })
	case reconcile.List:
		p.look(func() reconcile.Event {
			return reconcile.Listed{Op: a.Op, Files: s.seeAll(s.page(a.After)), Free: p.room()}
		})
	case reconcile.ListGarbage:
		p.look(func() reconcile.Event { return reconcile.GarbageListed{Op: a.Op, Complete: true, Files: s.garbage()} })
	case reconcile.Ask:
		for _, id := range a.To {
			p.ask(p.w.Node(id), a)
		}
	case reconcile.Fetch:
		p.fetches.fetch(a)
	case reconcile.Delete:
		p.delete(a)
	case reconcile.Compact:
		p.Soon(func() { p.Tell(reconcile.Compacted(a)) })
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
func (p *Process) wakeAt(at time.Duration) {
	p.keep.wakes = at
	p.w.After(at-p.w.Now(), func() {
		if p.keep.wakes == at {
			p.Hand(func() { p.Tell(p.passed()) })
		}
	})
}

// look has something read from the disk a little later, and told to the reconciler
// a little later than that.
func (p *Process) look(read func() reconcile.Event) {
	p.Soon(func() {
		event := read()
		p.Soon(func() { p.Tell(event) })
	})
}

// ask puts a question to another process. A lost question is never answered.
func (p *Process) ask(to *Machine, a reconcile.Ask) {
	f, from, upto := p.w.File(a.File), p.m, p.w.Flaw.Upto(a.Upto)
	p.w.Send(p.m, to, func(q *Process) {
		if a.Waited {
			q.keep.waited[f.Index] = q.w.Now() + waitedFor
		}
		q.Call(func(c reconcile.Call) reconcile.Event {
			return reconcile.Asked{Call: c, From: from.ID, File: a.File, Chunks: a.Chunks, Upto: upto, Heard: q.w.Flaw.Heard(q.Upto(from.ID), upto), Waited: a.Waited}
		}, func(answer reconcile.Action) {
			hold := answer.(reconcile.Answer)
			q.w.Send(q.m, from, func(now *Process) {
				if now == p {
					p.Tell(reconcile.Answered{Op: a.Op, From: to.ID, Has: hold.Has, Pledge: p.w.Flaw.Pledged(hold.Pledge)})
				}
			})
		})
	})
}

// waitedFor is how long a file counts as waited for after the last question.
const waitedFor = 30 * time.Second

// Read reads a chunk, and finds out if it has rotted.
func (p *Process) Read(f *File, chunk int) []byte {
	b := p.m.Disk.Blob(f.Index, chunk)
	if b == nil {
		return nil
	}
	if f.Verify(chunk, b.Data) == nil {
		return b.Data
	}
	p.w.Witness.Rots(p, f, chunk)
	p.w.Note("%s finds that %s/%d has rotted", p.m.Name(), f, chunk)
	p.m.Disk.Drop(f.Index, chunk)
	if p.w.Flaw != flaw.Silent {
		p.w.After(0, func() { p.Hand(func() { p.Tell(reconcile.Damaged{File: f.ID, Chunks: 1}) }) })
	}
	return nil
}

// delete deletes chunks. It is done although the process is frozen: the system does
// it. Of more copies that are wanted from now on the node need not know.
func (p *Process) delete(a reconcile.Delete) {
	f, wanted := p.w.File(a.File), p.Wanted[p.w.File(a.File).Index].Copies
	chunks := a.Chunks
	if a.Why != reconcile.Surplus {
		p.w.Witness.Dismisses(p, f)
	}
	if a.Whole {
		chunks = content.FullBitmap(f.Chunks())
	}
	p.w.Note("%s deletes %d chunks of %s: %v", p.m.Name(), chunks.Count(), f, a.Why)
	if p.w.Flaw == flaw.Premature {
		p.w.After(0, func() { p.Hand(func() { p.Tell(reconcile.Deleted{Op: a.Op}) }) })
	}
	p.w.After(p.w.Flaw.Deleting(p.w.Latency()), func() {
		if p.m.Process != p {
			return
		}
		for chunk := range chunks.All {
			if a.Why == reconcile.Surplus {
				p.w.Witness.Deletes(p, f, chunk, wanted)
			}
			p.m.Disk.Drop(f.Index, chunk)
		}
		if p.w.Flaw != flaw.Premature {
			p.Hand(func() { p.Tell(reconcile.Deleted{Op: a.Op}) })
		}
	})
}
