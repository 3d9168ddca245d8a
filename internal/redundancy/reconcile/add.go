package reconcile

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
)

// How long an added file is waited for.
const (
	FirstAsk = 20 * time.Millisecond // between the first two rounds of questions; then twice as long each time
	LastAsk  = time.Second

	// StillFor is how long nothing may have come closer before the wait is
	// given up: the holders go on all the same. FewFor is the same while too
	// few nodes answer, or some have no room; a node that has just joined is
	// believed after three heartbeats.
	StillFor = 30 * time.Second
	FewFor   = 6 * time.Second
)

// add is a caller that waits for the copies of a file.
type add struct {
	Added
	want  int           // copies
	best  int           // copies of the chunk with the fewest, in the last round
	most  int           // copies of all chunks, in the best round
	since time.Duration // when most last grew
	wait  time.Duration // before the next round
	next  time.Duration // when the next round is due; 0 while one is under way
	asked *question
	ended bool
}

// added begins to wait for a file's copies, if there is anything to wait for.
func (m *Machine) added(e Added) {
	switch {
	case e.File.Copies == 0, e.Usual && len(m.peers) < 2:
		m.do(Acknowledge{Call: e.Call})
	case e.File.Chunks == 0:
		m.do(Acknowledge{Call: e.Call, Copies: e.File.Copies})
	default:
		a := &add{Added: e, want: min(2, e.File.Copies), most: -1, since: m.now.Mono, wait: FirstAsk}
		m.adds = append(m.adds, a)
		m.round(a)
	}
}

// advanceAdds begins the rounds that are due.
func (m *Machine) advanceAdds() {
	for _, a := range slices.Clone(m.adds) {
		if a.next > 0 && m.now.Mono >= a.next {
			m.round(a)
		}
	}
}

// round asks the holders of an added file for their chunks. Only nodes that have
// heard of the name count.
func (m *Machine) round(a *add) {
	a.next = 0
	m.looks.at([]shoal.FileID{a.File.ID}, func(seen []Seen) {
		if a.ended {
			return
		}
		own := content.NewBitmap(a.File.Chunks)
		if s := seen[0]; !s.Failed && s.Own.Len() == a.File.Chunks {
			own = m.keeper.Here(s.File, s.Own)
		}
		count := make(copies, a.File.Chunks)
		count.add(own)
		each := func(r reply) {
			count.add(r.Has)
			if slices.Min(count) >= a.want && !a.ended {
				a.best = slices.Min(count)
				m.acknowledge(a)
			}
		}
		a.asked = m.asking.ask(query{to: m.keepers(a.File, m.refused[a.File.ID]), file: a.File, upto: a.Upto, waited: true, each: each}, func(replies []reply) {
			m.tally(a, own, replies)
		})
	})
}

// copies is the number of copies of each chunk.
type copies []int

func (c copies) add(have content.Bitmap) {
	for chunk := range have.All {
		c[chunk]++
	}
}

// tally counts the copies at the end of a round. It gives the wait up when their
// number has not grown for a while.
func (m *Machine) tally(a *add, own content.Bitmap, replies []reply) {
	if a.ended {
		return
	}
	count, total := make(copies, a.File.Chunks), 0
	count.add(own)
	for _, r := range replies {
		count.add(r.Has)
	}
	for _, n := range count {
		total += n
	}
	a.best = slices.Min(count)
	if total > a.most {
		a.most, a.since = total, m.now.Mono
	}
	if a.best >= a.want || len(m.peers) < a.want || m.now.Mono-a.since > m.patience(a, own) {
		m.acknowledge(a)
		return
	}
	a.next = m.now.Mono + a.wait
	a.wait = min(2*a.wait, LastAsk)
}

// patience is how long an add waits while nothing comes closer.
func (m *Machine) patience(a *add, own content.Bitmap) time.Duration {
	reachable := len(m.keepers(a.File, m.refused[a.File.ID]))
	if own.Full() && !m.stores() {
		reachable++
	}
	if max(reachable, 1) < a.want || len(m.short) > 0 || len(m.refused) > 0 {
		return FewFor
	}
	return StillFor
}

// acknowledge ends the wait for an added file.
func (m *Machine) acknowledge(a *add) {
	a.ended = true
	if a.asked != nil {
		m.asking.drop(a.asked)
	}
	m.adds = slices.DeleteFunc(m.adds, func(b *add) bool { return b == a })
	m.do(Acknowledge{Call: a.Call, Copies: a.best})
}
