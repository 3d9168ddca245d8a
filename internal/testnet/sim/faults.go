package sim

import (
	"slices"
	"time"

	"shoal/internal/membership/roster"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/host"
)

// mischief is something that happens to a shoal, or that a person does to it.
type mischief struct {
	name   string
	weight int
	do     func(*world, *host.Machine)
}

// mischiefs is all of it. Each is given a machine by chance, and does nothing if
// it does not fit that one now.
func mischiefs() []mischief {
	return []mischief{
		{"add", 24, person(people.add)},
		{"rename", 4, person(people.rename)},
		{"copies", 3, person(people.wantOther)},
		{"remove", 4, person(people.remove)},
		{"undelete", 4, person(people.undelete)},
		{"kill", 8, func(w *world, m *host.Machine) {
			if m.Process != nil {
				m.Kill()
			}
		}},
		{"power cut", 8, func(w *world, m *host.Machine) {
			if m.Powered {
				m.CutPower()
			}
		}},
		{"power cut for all", 1, func(w *world, _ *host.Machine) {
			for _, m := range w.Nodes {
				m.CutPower()
			}
		}},
		{"start", 30, func(w *world, m *host.Machine) {
			if m.Process == nil {
				m.Start()
			}
		}},
		{"freeze", 6, func(w *world, m *host.Machine) {
			if m.Up() {
				w.Note("%s freezes", m.Name())
				m.Frozen = true
			}
		}},
		{"thaw", 12, func(w *world, m *host.Machine) {
			if m.Frozen {
				m.Thaw()
			}
		}},
		{"partition", 6, (*world).part},
		{"heal", 10, func(w *world, _ *host.Machine) { w.heal() }},
		{"wipe", 4, (*world).wipe},
		{"restore", 4, (*world).restore},
		{"rot", 6, (*world).rot},
		{"clock jump", 3, func(w *world, m *host.Machine) {
			m.Skew = time.Duration(w.Random.Int64N(int64(365*24*time.Hour))) - 365*12*time.Hour // so that no two are further apart than is believed
			w.Note("the clock of %s is off by %v", m.Name(), m.Skew)
		}},
		{"disk full", 4, func(w *world, m *host.Machine) {
			w.Note("the disk of %s is full", m.Name())
			m.Allot(max(m.Disk.Stored()+w.Random.Int64N(4*host.ChunkSize), 1))
		}},
		{"room", 6, func(_ *world, m *host.Machine) { m.Allot(0) }},
		{"lie", 3, func(w *world, m *host.Machine) {
			m.Lies = !m.Lies
			w.Note("%s lies: %v", m.Name(), m.Lies)
		}},
		{"read", 10, person(people.read)},
		{"forge", 5, func(w *world, m *host.Machine) { liars{w}.forge(m) }},
		{"overstep", 2, func(w *world, m *host.Machine) { liars{w}.overstep(m) }},
		{"join", 5, func(w *world, _ *host.Machine) {
			if len(w.Nodes) < w.cfg.most() {
				w.join()
			}
		}},
		{"drain", 3, func(w *world, m *host.Machine) { w.set(m, roster.Draining) }},
		{"activate", 5, func(w *world, m *host.Machine) { w.set(m, roster.Active) }},
		{"revoke", 2, func(w *world, m *host.Machine) { w.expel(m, roster.Revoked) }},
		{"remove node", 2, func(w *world, m *host.Machine) { w.expel(m, roster.Removed) }},
		{"maintenance", 3, (*world).maintain},
	}
}

// person makes a mischief of something that people do.
func person(do func(people, *host.Machine)) func(*world, *host.Machine) {
	return func(w *world, m *host.Machine) { do(people{w}, m) }
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
	at := w.Random.IntN(total)
	for _, m := range all {
		if at -= m.weight; at < 0 {
			if victim := w.Nodes[w.Random.IntN(len(w.Nodes))]; !victim.Retired {
				m.do(w, victim)
			}
			break
		}
	}
	w.kept()
}

// replaced notes that what a name means at a node goes to the trash.
func (w *world) replaced(p *host.Process, name string) {
	for _, head := range p.Names[name].Heads() {
		if f := w.file(head.File); f != nil {
			f.removed, f.since = true, w.Now()
		}
	}
}

// part cuts the ways between two groups; one way only, sometimes. It does not
// last longer than half the trash time, and not begin again at once: who is cut off
// for as long as that may delete what others have undeleted.
func (w *world) part(*host.Machine) {
	if len(w.Blocked) > 0 || w.healed > 0 && w.Now() < w.healed+host.Trash/3 {
		return
	}
	group, oneWay := w.Random.Uint64(), w.Chance(0.3)
	w.Note("the network parts: %b, one way %v", group&(1<<len(w.Nodes)-1), oneWay)
	for i := range w.Nodes {
		for j := range w.Nodes {
			if group>>i&1 == 1 && group>>j&1 == 0 {
				w.Blocked[[2]int{i, j}] = true
				if !oneWay {
					w.Blocked[[2]int{j, i}] = true
				}
			}
		}
	}
	w.After(host.Trash/2, w.heal)
}

func (w *world) heal() {
	if len(w.Blocked) == 0 {
		return
	}
	w.Note("the network is whole again")
	w.healed = w.Now()
	clear(w.Blocked)
	for _, m := range w.Nodes { // what was cut meanwhile is found out now
		for _, i := range m.Peers() {
			if m.Process != nil && w.Nodes[i].Process == nil && w.Nodes[i].Powered {
				w.Cut(m, w.Nodes[i], 1)
			}
		}
	}
}

// wipe loses a machine with its disk. Another takes its place.
func (w *world) wipe(m *host.Machine) {
	if m.Index == 0 || !w.spare(m) {
		return
	}
	w.Note("%s is lost with its disk", m.Name())
	m.CutPower()
	w.harm(m.Disk.Chunks())
	m.Retired, m.Disk = true, disk.New()
	w.set(m, roster.Removed)
	w.join()
}

// rot changes a chunk on a disk where nobody sees it.
func (w *world) rot(m *host.Machine) {
	for _, at := range m.Disk.All() {
		b, f := m.Disk.Blob(at.File, at.Chunk), w.files[at.File]
		if b.Synced && !b.Rotten && w.copies(f, at.Chunk, m) > 0 && w.bearable() && w.Chance(0.3) {
			w.Note("chunk %d of %s rots at %s", at.Chunk, f, m.Name())
			b.Rot()
			w.harm(disk.Chunks{at.File: {at.Chunk: b}})
			return
		}
	}
}

// scrub has every machine that is up read one chunk.
func (w *world) scrub() {
	for _, m := range w.Nodes {
		if !m.Up() || m.Retired {
			continue
		}
		if all := m.Disk.All(); len(all) > 0 {
			at := all[w.Random.IntN(len(all))]
			m.Process.Read(w.Files[at.File], at.Chunk)
		}
	}
	w.After(time.Second, w.scrub)
}

// join adds a machine, which the founder lets in.
func (w *world) join() {
	founder := w.Nodes[0]
	if !founder.Writer() {
		return
	}
	m := w.Add(founder)
	if len(w.Nodes) > 3 && w.Chance(0.1) {
		m.Role = roster.Reader
	}
	w.Note("%s joins as a %v", m.Name(), m.Role)
	founder.Process.SayRoster(roster.Admit{Node: m.ID, Role: m.Role})
	m.Start()
	w.Dial(m, founder)
}

func (w *world) set(m *host.Machine, state roster.State) {
	if m.Index > 0 && w.Nodes[0].Writer() && w.Nodes[0].Process.Roster.Node(m.ID).Present() {
		w.Note("%s is %v now", m.Name(), state)
		w.order(m, state)
		w.Nodes[0].Process.SayRoster(roster.Set{Node: m.ID, HasState: true, State: state})
	}
}

// expel takes a node out of the shoal, with all its copies.
func (w *world) expel(m *host.Machine, state roster.State) {
	founder := w.Nodes[0]
	if m.Index == 0 || !founder.Writer() || !founder.Process.Roster.Node(m.ID).Present() || !w.spare(m) {
		return
	}
	w.Note("%s is %v", m.Name(), state)
	w.order(m, state)
	upto := founder.Process.Upto(m.ID)
	founder.Process.SayRoster(roster.Set{Node: m.ID, HasState: true, State: state, Upto: upto})
	w.leaving = append(w.leaving, m)
}

// left retires the machines that were expelled when all who are left know it.
// What those said after they were cut off nobody need keep.
func (w *world) left() {
	w.leaving = slices.DeleteFunc(w.leaving, func(m *host.Machine) bool {
		for _, o := range w.Nodes {
			if o != m && !o.Retired && (o.Process == nil || o.Process.Roster.Node(m.ID).Present()) {
				return false
			}
		}
		w.Note("all know that %s is out", m.Name())
		m.Retired, w.gone[m.Index] = true, w.Now()
		w.harm(m.Disk.Chunks())
		for _, f := range w.files {
			if !slices.ContainsFunc(w.Nodes, func(o *host.Machine) bool { return !o.Retired && o.Process.Wanted[f.Index].Live }) {
				f.acked, f.removed = false, true
			}
		}
		return true
	})
}

func (w *world) maintain(m *host.Machine) {
	if founder := w.Nodes[0]; founder.Writer() {
		founder.Process.SayRoster(roster.Set{Node: m.ID, HasMaintenance: true, Maintenance: 30 * time.Second})
	}
}
