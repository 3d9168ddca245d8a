package reconcile

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// inquiry is another node's question.
type inquiry struct {
	Asked
	until time.Duration // the answer is held back no longer
}

// asked takes in a question. The answer to an asker that waits for copies is held
// back until this node has its part: one answer then is worth more than many
// before.
func (m *Machine) asked(e Asked) {
	m.heard[e.From] = max(m.heard[e.From], e.Heard)
	i := &inquiry{Asked: e, until: m.now.Mono}
	if e.Waited {
		i.until += AnswerWithin
	}
	m.held = append(m.held, i)
}

// release answers the questions that need not wait any longer.
func (m *Machine) release() {
	m.held = slices.DeleteFunc(m.held, func(i *inquiry) bool {
		if m.now.Mono < i.until && m.tooSoon(i) {
			return false
		}
		m.answer(i)
		return true
	})
}

// tooSoon reports whether a better answer may come within a moment.
func (m *Machine) tooSoon(i *inquiry) bool {
	if m.heard[i.From] < i.Upto {
		return true
	}
	_, fresh := m.fresh[i.File]
	return fresh
}

// answer states this node's chunks of a file and pledges its own part of them. The
// copies of a node that has not heard of the name do not count.
func (m *Machine) answer(i *inquiry) {
	if m.heard[i.From] < i.Upto {
		m.do(nothing(i))
		return
	}
	if i.Waited {
		m.await(i.File)
	}
	m.looks.at([]shoal.FileID{i.File}, func(seen []Seen) {
		switch s := seen[0]; {
		case s.Failed:
			m.do(Answer{Call: i.Call, Failed: true})
		case !s.Known || fileOf(s).Chunks != i.Chunks:
			m.do(nothing(i))
		default:
			m.hold(i, s)
		}
	})
}

// nothing is the answer of a node that has nothing of a file.
func nothing(i *inquiry) Answer {
	return Answer{Call: i.Call, Has: content.NewBitmap(i.Chunks), Pledge: content.NewBitmap(i.Chunks)}
}

func (m *Machine) hold(i *inquiry, s Seen) {
	have, pledge := m.here(s), content.NewBitmap(i.Chunks)
	if s.Live {
		need := repair.NeedOf(m.view, m.cfg.Self, fileOf(s), have, m.instead[s.File].lacks)
		pledge = m.keeper.Give(m.now.Mono, s.File, have, need)
	}
	m.do(Answer{Call: i.Call, Has: have, Pledge: pledge})
}

// await notes that somebody waits for a file's copies. This node may then stand in
// for holders that are away.
func (m *Machine) await(id shoal.FileID) {
	for known, until := range m.awaited {
		if until <= m.now.Mono {
			delete(m.awaited, known)
		}
	}
	if len(m.view.Away) == 0 || len(m.awaited) >= newsLimit {
		return
	}
	m.awaited[id] = m.now.Mono + awaitedFor
	m.backlog.news[id] = true
	m.limitNews()
}

// hungUp drops the request of a caller that has gone.
func (m *Machine) hungUp(call Call) {
	m.held = slices.DeleteFunc(m.held, func(i *inquiry) bool { return i.Call == call })
	m.intake.waiting = slices.DeleteFunc(m.intake.waiting, func(c Call) bool { return c == call })
	delete(m.intake.taking, call)
	for _, a := range m.adds {
		if a.Call == call {
			m.acknowledge(a)
			return
		}
	}
}
