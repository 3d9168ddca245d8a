package sim

import (
	"time"

	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// came ends the fetches of files of which nothing is on its way any more.
func (p *process) came() {
	for at, since := range p.keep.pulling {
		if p.w.Now() >= since+pullTimeout {
			delete(p.keep.pulling, at)
		}
	}
	for index := range p.keep.coming {
		if !p.underWay(index) {
			p.keeper.Came(p.w.files[index].ID)
			delete(p.keep.coming, index)
		}
	}
}

// underWay reports whether chunks of a file are asked for, or not yet synced.
func (p *process) underWay(index int) bool {
	for at := range p.keep.pulling {
		if at[0] == index {
			return true
		}
	}
	for _, b := range p.m.disk.chunks[index] {
		if !b.synced {
			return true
		}
	}
	return false
}

// meanwhile does something a little later, unless the process ends before. It is
// done although the process is frozen: the system does it.
func (p *process) meanwhile(do func()) {
	p.w.After(p.w.latency(), func() {
		if p.m.process == p {
			do()
		}
	})
}

// removed deletes a file that no name means any more, when its time has come.
func (p *process) removed(f *file) {
	if len(p.m.disk.chunks[f.index]) == 0 {
		return
	}
	wall, since := p.m.wall(), p.m.disk.died[f.index]
	p.dismiss(f, func() bool { return p.keeper.Removed(p.w.Now(), p.file(f), wall, since, Trash) })
}

// orphans deletes what is on the disk and was never named, when its time has come.
func (p *process) orphans() {
	for _, index := range sortedKeys(p.m.disk.chunks) {
		f := p.w.files[index]
		if _, known := p.wanted[index]; known || len(p.m.disk.chunks[index]) == 0 || p.w.cfg.Flaw == Hoarding {
			continue
		}
		p.dismiss(f, func() bool {
			return p.keeper.Orphan(p.w.Now(), repair.File{ID: f.ID, Chunks: f.chunks}, p.w.cfg.lease())
		})
	}
}

// dismiss deletes a file that no name means, if it is due. The list of files may
// be a while old by then.
func (p *process) dismiss(f *file, due func() bool) {
	p.w.After(p.w.latency(), func() {
		p.hand(func() {
			p.keeper.Look(p.w.Now(), p.m.wall())
			if p.keep.adds > 0 && p.w.cfg.Flaw != Careless || !due() || !p.keeper.Leave(f.ID, content.FullBitmap(f.chunks)) {
				return
			}
			if p.wanted[f.index].live {
				p.keeper.Gone(f.ID)
				return
			}
			p.w.note("%s deletes %s, which no name means", p.m.name(), f)
			p.w.dismisses(p, f)
			p.keep.goes++
			p.meanwhile(func() {
				p.keep.goes--
				p.keeper.Gone(f.ID)
				for chunk := range f.chunks {
					p.m.disk.drop(f.index, chunk)
				}
			})
		})
	})
}

// dismisses checks what is about to be deleted because no name means it: nobody
// who was told that it is safe still wants it, and no name of it was known here
// for as long as the trash time (I5).
func (w *world) dismisses(p *process, f *file) {
	if w.out(p.m) {
		return
	}
	w.checked.Removals++
	if f.acked && !f.removed && !f.again {
		w.breach("I5: %s deletes %s, which nobody removed", p.m.name(), f)
	}
	since := max(p.started, p.unnamed[f.index])
	if _, known := p.wanted[f.index]; !known {
		since = max(since, p.m.disk.since(f, w.Now()))
	}
	if w.Now() < since+Trash {
		w.breach("I5: %s deletes %s, which had a name until %v ago", p.m.name(), f, (w.Now() - since).Round(time.Millisecond))
	}
}
