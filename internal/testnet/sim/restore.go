package sim

import (
	"maps"
	"slices"
	"time"

	"shoal/internal/membership/standing"
)

// snapshot is what was on a machine's disk at a time.
type snapshot struct {
	at time.Duration
	disk
}

// Disks are copied now and then, and the last copies kept.
const (
	snapEvery = 10 * time.Second
	snapKeep  = 2 * time.Minute
)

// copy is what a backup has of a disk: what is durable and has not rotted.
func (d *disk) copy() disk {
	c := disk{starts: d.starts, log: maps.Clone(d.log), chunks: make(map[int]map[int]*blob), died: maps.Clone(d.died)}
	for index, chunks := range d.chunks {
		c.chunks[index] = make(map[int]*blob)
		for chunk, b := range chunks {
			if b.synced && !b.rotten {
				same := *b
				c.chunks[index][chunk] = &same
				c.stored += int64(len(b.data))
			}
		}
	}
	return c
}

// back keeps a copy of the machine's disk.
func (m *machine) back() {
	m.backups = append(m.backups, snapshot{m.w.Now(), m.disk.copy()})
	m.backups = slices.DeleteFunc(m.backups, func(s snapshot) bool { return m.w.Now() > s.at+snapKeep })
}

// restore has a machine's disk go back to what it was a while ago, and the machine
// start. While it does, others can be reached, one of whom has heard all that is
// known of it: what nobody can tell it, it cannot know.
func (w *world) restore(m *machine) {
	if len(m.backups) == 0 || len(w.blocked) > 0 || !w.spare(m) {
		return
	}
	backup := m.backups[w.random.IntN(len(m.backups))]
	if !w.restorable(m, backup) {
		return
	}
	w.note("%s is restored to what it was %v ago", m.name(), w.Now()-backup.at)
	if m.process != nil {
		m.kill()
	}
	lost := maps.Clone(m.disk.chunks)
	m.disk, m.moved = backup.copy(), w.chance(0.5)
	m.place++
	for index, chunks := range lost {
		lost[index] = maps.Clone(chunks)
		maps.DeleteFunc(lost[index], func(chunk int, _ *blob) bool { return m.disk.chunks[index][chunk] != nil })
	}
	w.harm(lost)
	w.checked.Restores++
	m.start()
	w.run(standing.RecallTime + time.Second)
}

// restorable reports whether a machine can hear from others what it said since a
// copy was made.
func (w *world) restorable(m *machine, backup snapshot) bool {
	known, before := uint64(0), *m
	for _, o := range w.nodes {
		switch {
		case o != m:
			known = max(known, uint64(len(o.disk.log[m.id])))
		case m.index == 0: // who has let somebody in whom nobody else knows
			known = uint64(len(m.disk.log[m.id]))
		}
		if o.retired && (o == m || o.process != nil && o.left > backup.at) {
			return false // it would count on one who is out
		}
	}
	before.disk = backup.copy()
	witness, others, p := false, 0, remember(&before)
	for _, o := range w.nodes {
		switch {
		case o == m || !o.up() || !o.process.allows(m.id) || !p.allows(o.id):
		case uint64(len(o.disk.log[m.id])) >= known:
			witness = true
		default:
			others++
		}
	}
	return witness && others < standing.RecallPeers
}
