package sim

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"shoal/internal/content"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/testnet/sim/flaw"
	"shoal/internal/testnet/sim/host"
)

// people is the people who use a shoal. Each of them does something at a machine, if it
// lets them.
type people struct{ *world }

// add has a person add a file: first its bytes are stored, and then it
// gets its name. It may be one that was there before. Sometimes it breaks off between.
func (w people) add(m *host.Machine) {
	if !m.Writer() {
		return
	}
	p, f := m.Process, w.forgotten(m.Process)
	if f == nil {
		if len(w.files) >= w.cfg.files() {
			return
		}
		f = w.write()
		w.files, w.Files = append(w.files, f), append(w.Files, f.File)
	}
	if w.Flaw == flaw.Careless {
		w.takesIn(p, f, func() {})
		return
	}
	var call reconcile.Call
	call = p.Call(func(c reconcile.Call) reconcile.Event { return reconcile.TakeIn{Call: c} }, func(reconcile.Action) {
		p.Soon(func() { w.takesIn(p, f, func() { p.Tell(reconcile.TakenIn{Call: call}) }) })
	})
}

// takesIn stores a file that is being added, and gives it its name a little later.
// done is called when it has the name, or never will.
func (w people) takesIn(p *host.Process, f *file, done func()) {
	m := p.Machine()
	release, err := p.Quota().Reserve(context.Background(), f.Size)
	if err != nil {
		done()
		return
	}
	defer release()
	for chunk := range f.Chunks() {
		if b := m.Disk.Blob(f.Index, chunk); b != nil && b.Rotten {
			m.Disk.Drop(f.Index, chunk)
		}
		m.Disk.Put(f.Index, chunk, f.Chunk(chunk), w.Now())
		m.Disk.Blob(f.Index, chunk).Synced = true
	}
	w.Note("%s adds %v of %d chunks", m.Name(), f, f.Chunks())
	takes, breaks := 2*time.Second, w.Chance(0.1)
	if len(f.names) > 0 {
		takes = host.Trash / 3
	}
	w.After(time.Duration(w.Random.Int64N(int64(takes))), func() {
		p.Hand(func() {
			if !breaks && m.Writer() {
				w.named(p, f)
			}
			done()
		})
	})
}

// forgotten is sometimes a file that a node knows no name of.
func (w people) forgotten(p *host.Process) *file {
	if len(w.files) == 0 || !w.Chance(0.2) {
		return nil
	}
	f := w.files[w.Random.IntN(len(w.files))]
	for _, other := range w.files { // rather one that is about to be deleted
		if other.removed && w.Now() > other.since+host.Trash-3*time.Second && p.Machine().Disk.Holds(other.Index) {
			f = other
		}
	}
	if p.Wanted[f.Index].Live {
		return nil
	}
	return f
}

// named gives a file that is being added its name. From then on whoever added it
// knows that it lies there at least.
func (w people) named(p *host.Process, f *file) {
	copies := 2
	if w.Chance(0.2) {
		copies = 3
	}
	w.Note("%s names %v as %s, %d copies", p.Machine().Name(), f, f.name, copies)
	w.replaced(p, f.name)
	if f.removed {
		f.removed, f.acked = false, false
	}
	f.again = len(f.names) > 0
	meant := p.Wanted[f.Index].Live // by another name meanwhile: others may keep it by now
	if w.put(p, f.name, f, copies) {
		w.await(p, f)
	}
	has := p.Machine().Disk.Has(f.Index, f.Chunks())
	for chunk := range f.Chunks() {
		if !has.Has(chunk) && !meant && w.excused(f.File, chunk) == 0 { // it may have rotted meanwhile
			w.Breach("I1: %s names %v, and has no longer all of it", p.Machine().Name(), f)
		}
	}
}

// write makes up a file.
func (w people) write() *file {
	f := &file{harmed: make(map[int]time.Duration), names: make(map[string]bool), File: &host.File{Index: len(w.files)}}
	chunks := 1 + w.Random.IntN(6)
	f.name = fmt.Sprintf("f%d", f.Index)
	if w.Chance(0.15) && f.Index > 0 {
		f.name = w.files[w.Random.IntN(f.Index)].name // a new version, or a conflict
	}
	f.Bytes = make([]byte, chunks*host.ChunkSize-w.Random.IntN(host.ChunkSize))
	for i := range f.Bytes {
		f.Bytes[i] = byte(w.Random.Uint32())
	}
	var err error
	if f.File.File, err = content.HashReaderAt(context.Background(), bytes.NewReader(f.Bytes), int64(len(f.Bytes)), host.ChunkSize, nil); err != nil {
		w.Breach("%v cannot be hashed: %v", f, err)
	}
	return f
}

// pick is one of the names that mean something at a node.
func (w people) pick(p *host.Process) string {
	names := p.Meant()
	if len(names) == 0 {
		return ""
	}
	return names[w.Random.IntN(len(names))]
}

func (w people) rename(m *host.Machine) {
	if !m.Writer() {
		return
	}
	p := m.Process
	old := w.pick(p)
	if old == "" || len(p.Names[old].Heads()) != 1 {
		return
	}
	f, name := w.file(p.Names[old].Heads()[0].File), fmt.Sprintf("%s-%d", old, w.Random.IntN(100))
	w.Note("%s renames %s to %s", m.Name(), old, name)
	w.replaced(p, name)
	if w.put(p, name, f, p.Copies(p.Names[old].Heads()[0].Dot)) {
		p.Drop(old)
	}
}

// wantOther has a person ask for another number of copies of a file.
func (w people) wantOther(m *host.Machine) {
	if !m.Writer() {
		return
	}
	p := m.Process
	name := w.pick(p)
	if name == "" || len(p.Names[name].Heads()) != 1 {
		return
	}
	f, copies := w.file(p.Names[name].Heads()[0].File), 2+w.Random.IntN(2)
	w.Note("%s wants %d copies of %v", m.Name(), copies, f)
	w.put(p, name, f, copies)
}

func (w people) remove(m *host.Machine) {
	if !m.Writer() {
		return
	}
	if name := w.pick(m.Process); name != "" {
		w.Note("%s removes %s", m.Name(), name)
		w.replaced(m.Process, name)
		m.Process.Drop(name)
	}
}

// undelete has a file back soon after it was removed. It counts as kept
// from then on only when it is acknowledged again.
func (w people) undelete(m *host.Machine) {
	if !m.Writer() || len(w.Blocked) > 0 {
		return
	}
	p := m.Process
	for _, index := range host.SortedKeys(p.Wanted) {
		f := w.files[index]
		if p.Wanted[index].Live || !f.removed || w.Now() > f.since+host.Trash/2 {
			continue
		}
		w.Note("%s has f%d back", m.Name(), index)
		if w.put(p, fmt.Sprintf("back%d", index), f, 2+w.Random.IntN(2)) {
			f.removed, f.acked = false, false
			w.await(p, f)
		}
		return
	}
}

// put has a name point at a file, as a person who knows what it is.
func (w people) put(p *host.Process, name string, f *file, copies int) bool {
	f.names[name] = true
	return p.Put(name, f.File, copies)
}

// read has a person fetch a file by its name, from the node's own disk or
// from others.
func (w people) read(m *host.Machine) {
	if !m.Up() || !m.Process.Roster.Node(m.ID).Present() {
		return
	}
	p := m.Process
	name := w.pick(p)
	meaning, ok := p.Names[name].Meaning()
	if !ok {
		return
	}
	f := w.file(meaning.Current.File)
	if f == nil || !f.names[name] {
		w.Breach("I2: %s reads %s, and gets a file that nobody gave this name", m.Name(), name)
		return
	}
	for chunk := range f.Chunks() {
		if data := p.Read(f.File, chunk); data != nil {
			w.Reads(p, f.File, chunk, data)
			continue
		}
		p.Request(f.File, chunk, func(data []byte) {
			if data != nil {
				w.Reads(p, f.File, chunk, data)
			}
		})
	}
}

// await has a person wait for the copies of a file that was just named. If that is
// given up the person tries again, as long as the file has a name.
func (w people) await(p *host.Process, f *file) {
	a := &adding{f: f, said: p.Upto(p.Machine().ID)}
	p.Call(func(c reconcile.Call) reconcile.Event {
		return reconcile.Added{Call: c, File: p.AsNamed(f.File), Upto: a.said}
	}, func(done reconcile.Action) {
		least := min(2, p.Wanted[f.Index].Copies)
		switch {
		case !p.Wanted[f.Index].Live:
		case done.(reconcile.Acknowledge).Copies >= least:
			w.ack(p, a)
		default:
			p.Soon(func() { w.await(p, f) })
		}
	})
}
