package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"shoal/internal/content"
	"shoal/internal/membership/roster"
	"shoal/internal/redundancy/reconcile"
)

// mischief is something that happens to a shoal, or that a person does to it.
type mischief struct {
	name   string
	weight int
	do     func(*world, *machine)
}

// mischiefs is all of it. Each is given a machine by chance, and does nothing if
// it does not fit that one now.
func mischiefs() []mischief {
	return []mischief{
		{"add", 24, (*world).someoneAdds},
		{"rename", 4, (*world).someoneRenames},
		{"copies", 3, (*world).someoneWantsOther},
		{"remove", 4, (*world).someoneRemoves},
		{"undelete", 4, (*world).someoneUndeletes},
		{"kill", 8, func(w *world, m *machine) {
			if m.process != nil {
				m.kill()
			}
		}},
		{"power cut", 8, func(w *world, m *machine) {
			if m.powered {
				m.cutPower()
			}
		}},
		{"power cut for all", 1, func(w *world, _ *machine) {
			for _, m := range w.nodes {
				m.cutPower()
			}
		}},
		{"start", 30, func(w *world, m *machine) {
			if m.process == nil {
				m.start()
			}
		}},
		{"freeze", 6, func(w *world, m *machine) {
			if m.up() {
				w.note("%s freezes", m.name())
				m.frozen = true
			}
		}},
		{"thaw", 12, func(w *world, m *machine) {
			if m.frozen {
				m.thaw()
			}
		}},
		{"partition", 6, (*world).part},
		{"heal", 10, func(w *world, _ *machine) { w.heal() }},
		{"wipe", 4, (*world).wipe},
		{"restore", 4, (*world).restore},
		{"rot", 6, (*world).rot},
		{"clock jump", 3, func(w *world, m *machine) {
			m.skew = time.Duration(w.random.Int64N(int64(365*24*time.Hour))) - 365*12*time.Hour // so that no two are further apart than is believed
			w.note("the clock of %s is off by %v", m.name(), m.skew)
		}},
		{"disk full", 4, func(w *world, m *machine) {
			w.note("the disk of %s is full", m.name())
			m.allot(max(m.disk.stored+w.random.Int64N(4*chunkSize), 1))
		}},
		{"room", 6, func(_ *world, m *machine) { m.allot(0) }},
		{"lie", 3, func(w *world, m *machine) {
			m.lies = !m.lies
			w.note("%s lies: %v", m.name(), m.lies)
		}},
		{"read", 10, (*world).someoneReads},
		{"forge", 5, (*world).someoneForges},
		{"overstep", 2, (*world).someoneOversteps},
		{"join", 5, func(w *world, _ *machine) {
			if len(w.nodes) < w.cfg.most() {
				w.join()
			}
		}},
		{"drain", 3, func(w *world, m *machine) { w.set(m, roster.Draining) }},
		{"activate", 5, func(w *world, m *machine) { w.set(m, roster.Active) }},
		{"revoke", 2, func(w *world, m *machine) { w.expel(m, roster.Revoked) }},
		{"remove node", 2, func(w *world, m *machine) { w.expel(m, roster.Removed) }},
		{"maintenance", 3, (*world).maintain},
	}
}

// often is how much more often things happen that are to happen often.
const often = 8

// happen has one thing happen, by chance.
func (w *world) happen() {
	all := mischiefs()
	total := 0
	for i := range all {
		if slices.Contains(w.cfg.Often, all[i].name) {
			all[i].weight *= often
		}
		total += all[i].weight
	}
	at := w.random.IntN(total)
	for _, m := range all {
		if at -= m.weight; at < 0 {
			if victim := w.nodes[w.random.IntN(len(w.nodes))]; !victim.retired {
				m.do(w, victim)
			}
			break
		}
	}
	w.kept()
}

// writer reports whether somebody can write at a machine now.
func (m *machine) writer() bool {
	return m.up() && m.process.ready && m.process.roster.Node(m.id).Present() && m.process.roster.Node(m.id).Role >= roster.Member
}

// someoneAdds has a person add a file: first its bytes are stored, and then it
// gets its name. It may be one that was there before. Sometimes it breaks off between.
func (w *world) someoneAdds(m *machine) {
	if !m.writer() {
		return
	}
	p, f := m.process, w.forgotten(m.process)
	if f == nil {
		if len(w.files) >= w.cfg.files() {
			return
		}
		f = w.write()
		w.files = append(w.files, f)
	}
	if w.cfg.Flaw == Careless {
		w.takesIn(p, f, func() {})
		return
	}
	var call reconcile.Call
	call = p.call(func(c reconcile.Call) reconcile.Event { return reconcile.TakeIn{Call: c} }, func(reconcile.Action) {
		p.soon(func() { w.takesIn(p, f, func() { p.tell(reconcile.TakenIn{Call: call}) }) })
	})
}

// takesIn stores a file that is being added, and gives it its name a little later.
// done is called when it has the name, or never will.
func (w *world) takesIn(p *process, f *file, done func()) {
	m := p.m
	release, err := p.quota.Reserve(context.Background(), f.Size)
	if err != nil {
		done()
		return
	}
	defer release()
	for chunk := range f.chunks {
		if b := m.disk.chunks[f.index][chunk]; b != nil && b.rotten {
			m.disk.drop(f.index, chunk)
		}
		m.disk.put(f, chunk, f.chunk(chunk), w.Now())
		m.disk.chunks[f.index][chunk].synced = true
	}
	w.note("%s adds %v of %d chunks", m.name(), f, f.chunks)
	takes, breaks := 2*time.Second, w.chance(0.1)
	if len(f.names) > 0 {
		takes = Trash / 3
	}
	w.After(time.Duration(w.random.Int64N(int64(takes))), func() {
		p.hand(func() {
			if !breaks && m.writer() {
				w.named(p, f)
			}
			done()
		})
	})
}

// forgotten is sometimes a file that a node knows no name of.
func (w *world) forgotten(p *process) *file {
	if len(w.files) == 0 || !w.chance(0.2) {
		return nil
	}
	f := w.files[w.random.IntN(len(w.files))]
	for _, other := range w.files { // rather one that is about to be deleted
		if other.removed && w.Now() > other.since+Trash-3*time.Second && len(p.m.disk.chunks[other.index]) > 0 {
			f = other
		}
	}
	if p.wanted[f.index].live {
		return nil
	}
	return f
}

// named gives a file that is being added its name. From then on whoever added it
// knows that it lies there at least.
func (w *world) named(p *process, f *file) {
	copies := 2
	if w.chance(0.2) {
		copies = 3
	}
	w.note("%s names %v as %s, %d copies", p.m.name(), f, f.name, copies)
	w.replaced(p, f.name)
	if f.removed {
		f.removed, f.acked = false, false
	}
	f.again = len(f.names) > 0
	meant := p.wanted[f.index].live // by another name meanwhile: others may keep it by now
	if p.put(f.name, f, copies) {
		p.await(f)
	}
	has := p.m.disk.has(f)
	for chunk := range f.chunks {
		if !has.Has(chunk) && !meant && w.excused(f, chunk) == 0 { // it may have rotted meanwhile
			w.breach("I1: %s names %v, and has no longer all of it", p.m.name(), f)
		}
	}
}

// write makes up a file.
func (w *world) write() *file {
	f := &file{harmed: make(map[int]time.Duration), names: make(map[string]bool), index: len(w.files), chunks: 1 + w.random.IntN(6)}
	f.name = fmt.Sprintf("f%d", f.index)
	if w.chance(0.15) && f.index > 0 {
		f.name = w.files[w.random.IntN(f.index)].name // a new version, or a conflict
	}
	f.bytes = make([]byte, f.chunks*chunkSize-w.random.IntN(chunkSize))
	for i := range f.bytes {
		f.bytes[i] = byte(w.random.Uint32())
	}
	var err error
	if f.File, err = content.HashReaderAt(context.Background(), bytes.NewReader(f.bytes), int64(len(f.bytes)), chunkSize, nil); err != nil {
		w.breach("%v cannot be hashed: %v", f, err)
	}
	return f
}

// replaced notes that what a name means at a node goes to the trash.
func (w *world) replaced(p *process, name string) {
	for _, head := range p.names[name].Heads() {
		if f := w.file(head.File); f != nil {
			f.removed, f.since = true, w.Now()
		}
	}
}

// pick is one of the names that mean something at a node.
func (p *process) pick() string {
	var names []string
	for _, name := range sortedKeys(p.names) {
		if _, ok := p.names[name].Meaning(); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[p.w.random.IntN(len(names))]
}

func (w *world) someoneRenames(m *machine) {
	if !m.writer() {
		return
	}
	p := m.process
	old := p.pick()
	if old == "" || len(p.names[old].Heads()) != 1 {
		return
	}
	f, name := w.file(p.names[old].Heads()[0].File), fmt.Sprintf("%s-%d", old, w.random.IntN(100))
	w.note("%s renames %s to %s", m.name(), old, name)
	w.replaced(p, name)
	if p.put(name, f, p.copies[p.names[old].Heads()[0].Dot]) {
		p.drop(old)
	}
}

// someoneWantsOther has a person ask for another number of copies of a file.
func (w *world) someoneWantsOther(m *machine) {
	if !m.writer() {
		return
	}
	p := m.process
	name := p.pick()
	if name == "" || len(p.names[name].Heads()) != 1 {
		return
	}
	f, copies := w.file(p.names[name].Heads()[0].File), 2+w.random.IntN(2)
	w.note("%s wants %d copies of %v", m.name(), copies, f)
	p.put(name, f, copies)
}

func (w *world) someoneRemoves(m *machine) {
	if !m.writer() {
		return
	}
	if name := m.process.pick(); name != "" {
		w.note("%s removes %s", m.name(), name)
		w.replaced(m.process, name)
		m.process.drop(name)
	}
}

// someoneUndeletes has a file back soon after it was removed. It counts as kept
// from then on only when it is acknowledged again.
func (w *world) someoneUndeletes(m *machine) {
	if !m.writer() || len(w.blocked) > 0 {
		return
	}
	p := m.process
	for _, index := range sortedKeys(p.wanted) {
		f := w.files[index]
		if p.wanted[index].live || !f.removed || w.Now() > f.since+Trash/2 {
			continue
		}
		w.note("%s has f%d back", m.name(), index)
		if p.put(fmt.Sprintf("back%d", index), f, 2+w.random.IntN(2)) {
			f.removed, f.acked = false, false
			p.await(f)
		}
		return
	}
}

// part cuts the ways between two groups; one way only, sometimes. It does not
// last longer than half the trash time, and not begin again at once: who is cut off
// for as long as that may delete what others have undeleted.
func (w *world) part(*machine) {
	if len(w.blocked) > 0 || w.healed > 0 && w.Now() < w.healed+Trash/3 {
		return
	}
	group, oneWay := w.random.Uint64(), w.chance(0.3)
	w.note("the network parts: %b, one way %v", group&(1<<len(w.nodes)-1), oneWay)
	for i := range w.nodes {
		for j := range w.nodes {
			if group>>i&1 == 1 && group>>j&1 == 0 {
				w.blocked[[2]int{i, j}] = true
				if !oneWay {
					w.blocked[[2]int{j, i}] = true
				}
			}
		}
	}
	w.After(Trash/2, w.heal)
}

func (w *world) heal() {
	if len(w.blocked) == 0 {
		return
	}
	w.note("the network is whole again")
	w.healed = w.Now()
	clear(w.blocked)
	for _, m := range w.nodes { // what was cut meanwhile is found out now
		for _, i := range m.peers() {
			if m.process != nil && w.nodes[i].process == nil && w.nodes[i].powered {
				w.cut(m, w.nodes[i], 1)
			}
		}
	}
}

// wipe loses a machine with its disk. Another takes its place.
func (w *world) wipe(m *machine) {
	if m.index == 0 || !w.spare(m) {
		return
	}
	w.note("%s is lost with its disk", m.name())
	m.cutPower()
	w.harm(m.disk.chunks)
	m.retired, m.disk = true, newDisk()
	w.set(m, roster.Removed)
	w.join()
}

// rot changes a chunk on a disk where nobody sees it.
func (w *world) rot(m *machine) {
	for _, index := range sortedKeys(m.disk.chunks) {
		for _, chunk := range sortedKeys(m.disk.chunks[index]) {
			b, f := m.disk.chunks[index][chunk], w.files[index]
			if b.synced && !b.rotten && w.copies(f, chunk, m) > 0 && w.bearable() && w.chance(0.3) {
				w.note("chunk %d of %s rots at %s", chunk, f, m.name())
				b.rot()
				w.harm(map[int]map[int]*blob{index: {chunk: b}})
				return
			}
		}
	}
}

// scrub has every machine that is up read one chunk.
func (w *world) scrub() {
	for _, m := range w.nodes {
		if !m.up() || m.retired {
			continue
		}
		var all [][2]int
		for _, index := range sortedKeys(m.disk.chunks) {
			for _, chunk := range sortedKeys(m.disk.chunks[index]) {
				all = append(all, [2]int{index, chunk})
			}
		}
		if len(all) > 0 {
			at := all[w.random.IntN(len(all))]
			m.process.read(w.files[at[0]], at[1])
		}
	}
	w.After(time.Second, w.scrub)
}

// join adds a machine, which the founder lets in.
func (w *world) join() {
	founder := w.nodes[0]
	if !founder.writer() {
		return
	}
	m := w.add(founder)
	if len(w.nodes) > 3 && w.chance(0.1) {
		m.role = roster.Reader
	}
	w.note("%s joins as a %v", m.name(), m.role)
	founder.process.sayRoster(roster.Admit{Node: m.id, Role: m.role})
	m.start()
	w.dial(m, founder)
}

func (w *world) set(m *machine, state roster.State) {
	if m.index > 0 && w.nodes[0].writer() && w.nodes[0].process.roster.Node(m.id).Present() {
		w.note("%s is %v now", m.name(), state)
		w.order(m, state)
		w.nodes[0].process.sayRoster(roster.Set{Node: m.id, HasState: true, State: state})
	}
}

// expel takes a node out of the shoal, with all its copies.
func (w *world) expel(m *machine, state roster.State) {
	founder := w.nodes[0]
	if m.index == 0 || !founder.writer() || !founder.process.roster.Node(m.id).Present() || !w.spare(m) {
		return
	}
	w.note("%s is %v", m.name(), state)
	w.order(m, state)
	upto := founder.process.vector[m.id]
	founder.process.sayRoster(roster.Set{Node: m.id, HasState: true, State: state, Upto: upto})
	w.leaving = append(w.leaving, m)
}

// left retires the machines that were expelled when all who are left know it.
// What those said after they were cut off nobody need keep.
func (w *world) left() {
	w.leaving = slices.DeleteFunc(w.leaving, func(m *machine) bool {
		for _, o := range w.nodes {
			if o != m && !o.retired && (o.process == nil || o.process.roster.Node(m.id).Present()) {
				return false
			}
		}
		w.note("all know that %s is out", m.name())
		m.retired, m.left = true, w.Now()
		w.harm(m.disk.chunks)
		for _, f := range w.files {
			if !slices.ContainsFunc(w.nodes, func(o *machine) bool { return !o.retired && o.process.wanted[f.index].live }) {
				f.acked, f.removed = false, true
			}
		}
		return true
	})
}

func (w *world) maintain(m *machine) {
	if founder := w.nodes[0]; founder.writer() {
		founder.process.sayRoster(roster.Set{Node: m.id, HasMaintenance: true, Maintenance: 30 * time.Second})
	}
}
