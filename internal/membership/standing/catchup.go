package standing

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/roster"
)

// phase is how far catching up has come. A node goes through the phases in their
// order, and skips those that it has no reason for.
type phase uint8

const (
	resting    phase = iota // Begin has not come
	recovering              // the journal is lost: the founder's and this node's records come back first
	doubting                // the folder was moved: more than half of the others must tell
	listening               // they have told; another process with this identity would be heard of by now
	recalling               // a few others must tell, while there is time
	speaking
)

// catchUp is what a node knows of how far it had come itself.
type catchUp struct {
	phase    phase
	doubtful bool          // the folder may be older than the node's last word
	moved    bool          // because it was copied, restored or mended
	limit    time.Duration // when recovering or recalling ends at the latest
	until    time.Duration // when listening ends
	late     time.Duration // when recalling waits for nobody who has not told
	enough   int           // peers that must tell before that

	met   int // peers that have told
	sure  bool
	known []shoal.NodeID // acquaintances

	asking shoal.NodeID          // the peer that a Recover was given for; "" if there is none
	tried  map[shoal.NodeID]bool // peers that had nothing to tell since the last news
}

func newCatchUp() catchUp { return catchUp{sure: true, tried: make(map[shoal.NodeID]bool)} }

func (m *Machine) begin(e Begin) {
	m.phase, m.limit = recovering, m.now+RecallLimit
	m.moved, m.doubtful = e.Moved, e.Moved || !e.Ticket && m.Lost()
}

// catch goes through the phases as far as it can.
func (m *Machine) catch() {
	if m.phase == recovering && m.recoveryOver() {
		m.doubt()
	}
	if m.phase == doubting && m.majorityTold() {
		m.phase, m.until = listening, m.now
		if m.others() > 0 {
			m.until += m.cfg.Down
		}
	}
	if m.phase == listening && m.due(m.until) {
		m.doubtful, m.moved = false, false
		m.limit = m.now + RecallLimit
		m.act(Settle{})
		m.recall()
	}
	if m.phase == recalling {
		m.trySpeaking()
	}
}

// doubt begins to wait for more than half of the others, if there is a reason.
func (m *Machine) doubt() {
	if !m.doubtful {
		m.recall()
		return
	}
	m.phase = doubting
	if m.others() > 0 {
		m.act(Doubt{})
	}
}

// majorityTold reports whether more than half of the others have told, and nothing is
// missing. However long that takes, a moved folder waits.
func (m *Machine) majorityTold() bool {
	others := m.others()
	return others == 0 || m.sure && 2*m.met > others
}

func (m *Machine) recall() {
	m.phase, m.late, m.enough = recalling, m.now+RecallTime, min(m.others(), RecallPeers)
}

func (m *Machine) trySpeaking() {
	sure := m.sure && (m.met >= m.enough || m.due(m.late))
	if !sure && !m.due(m.limit) {
		return
	}
	m.phase = speaking
	m.act(MaySpeak{Sure: sure})
}

// recoveryOver reports whether the node knows the roster again and has heard all that
// the last peer it asked had to tell, or has waited long enough. Until then it asks
// its acquaintances, one after the other.
func (m *Machine) recoveryOver() bool {
	if m.asking == "" && !m.Lost() || m.due(m.limit) {
		m.asking = ""
		return true
	}
	if m.asking != "" {
		return false
	}
	for _, id := range m.connectedPeers() {
		if slices.Contains(m.known, id) && !m.tried[id] {
			m.asking, m.tried[id] = id, true
			m.act(Recover{Peer: id})
			break
		}
	}
	return false
}

func (m *Machine) recovered(peer shoal.NodeID) {
	if m.asking == peer {
		m.asking = ""
	}
}

// others is how many others are on the roster.
func (m *Machine) others() int {
	if m.present(m.cfg.Self) {
		return len(m.here) - 1
	}
	return len(m.here)
}

// Lost reports whether this node is acquainted with nodes of its shoal, and its
// journal does not say how: a founder's of nobody that it has admitted, another's not
// that it was admitted. The journal is lost, or is from before that.
func (m *Machine) Lost() bool {
	if len(m.known) == 0 {
		return false
	}
	if m.cfg.Self != m.cfg.Founder {
		return m.nodes[m.cfg.Self].Role == roster.Stranger
	}
	for id := range m.nodes {
		if id != m.cfg.Self {
			return false
		}
	}
	return true
}

// Doubtful reports whether the folder may be older than the node's last word.
func (m *Machine) Doubtful() bool { return m.doubtful }

// Speaks reports whether MaySpeak was given.
func (m *Machine) Speaks() bool { return m.phase == speaking }

// Patience is how long a caller with something to say waits for MaySpeak; 0 is
// without limit.
func (m *Machine) Patience() time.Duration {
	switch {
	case m.moved:
		return MovedTime
	case m.doubtful:
		return RecallLimit + MovedTime
	}
	return 0
}
