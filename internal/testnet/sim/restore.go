package sim

import (
	"maps"
	"slices"
	"time"

	"shoal/internal/membership/standing"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/host"
)

// snapshot is what was on a machine's disk at a time.
type snapshot struct {
	at time.Duration
	disk.Disk
}

// Disks are copied now and then, and the last copies kept.
const (
	snapEvery = 10 * time.Second
	snapKeep  = 2 * time.Minute
)

// back keeps a copy of the machine's disk.
func (w *world) back(m *host.Machine) {
	w.backups[m.Index] = append(w.backups[m.Index], snapshot{w.Now(), m.Disk.Backup()})
	w.backups[m.Index] = slices.DeleteFunc(w.backups[m.Index], func(s snapshot) bool { return w.Now() > s.at+snapKeep })
}

// restore has a machine's disk go back to what it was a while ago, and the machine
// start. While it does, others can be reached, one of whom has heard all that is
// known of it: what nobody can tell it, it cannot know.
func (w *world) restore(m *host.Machine) {
	if len(w.backups[m.Index]) == 0 || len(w.Blocked) > 0 || !w.spare(m) {
		return
	}
	backup := w.backups[m.Index][w.Random.IntN(len(w.backups[m.Index]))]
	if !w.restorable(m, backup) {
		return
	}
	w.Note("%s is restored to what it was %v ago", m.Name(), w.Now()-backup.at)
	if m.Process != nil {
		m.Kill()
	}
	lost := m.Disk.Chunks()
	m.Disk, m.Moved = backup.Backup(), w.Chance(0.5)
	m.Place++
	for file, chunks := range lost {
		maps.DeleteFunc(chunks, func(chunk int, _ *disk.Blob) bool { return m.Disk.Blob(file, chunk) != nil })
	}
	w.harm(lost)
	w.checked.Restores++
	m.Start()
	w.run(standing.RecallTime + time.Second)
}

// restorable reports whether a machine can hear from others what it said since a
// copy was made.
func (w *world) restorable(m *host.Machine, backup snapshot) bool {
	known, before := uint64(0), *m
	for _, o := range w.Nodes {
		switch {
		case o != m:
			known = max(known, uint64(len(o.Disk.Log[m.ID])))
		case m.Index == 0: // who has let somebody in whom nobody else knows
			known = uint64(len(m.Disk.Log[m.ID]))
		}
		if o.Retired && (o == m || o.Process != nil && w.gone[o.Index] > backup.at) {
			return false // it would count on one who is out
		}
	}
	before.Disk = backup.Backup()
	witness, others, p := false, 0, host.Remember(&before)
	for _, o := range w.Nodes {
		switch {
		case o == m || !o.Up() || !o.Process.Allows(m.ID) || !p.Allows(o.ID):
		case uint64(len(o.Disk.Log[m.ID])) >= known:
			witness = true
		default:
			others++
		}
	}
	return witness && others < standing.RecallPeers
}
