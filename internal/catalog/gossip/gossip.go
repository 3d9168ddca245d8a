// Package gossip decides what two nodes say to each other so that their journals
// become the same: anti-entropy by version vectors, with news pushed by who says
// it and announced by who passes it on (lazy push; Leitao et al., "Epidemic
// Broadcast Trees", SRDS 2007).
//
// It reads no clock and moves no bytes: whoever drives it tells what was heard
// and when, and asks what to say next.
package gossip

import (
	"maps"
	"time"

	"shoal"
	"shoal/internal/record"
)

// When things are said.
const (
	// DigestEvery is how often two nodes make sure that they have the same,
	// beside saying at once what is new.
	DigestEvery = 30 * time.Second

	// HaveDelay is how long news from others is gathered before it is announced:
	// in a small shoal everyone has it from its author by then, and nobody asks.
	HaveDelay = time.Second

	// Patience is how long a peer that was asked for an author's batches may
	// leave this node without any before another that has them is asked, too.
	Patience = 3 * time.Second

	// Lull is how long a peer that has given all it announced may go on.
	Lull = 200 * time.Millisecond
)

// Journal is what this node has. A journal only grows, but for what is taken
// back of a node that was revoked.
type Journal interface {
	Upto(author shoal.NodeID) uint64 // how far it has the author; 0 if not at all
	Vector() record.Vector           // how far it has all; the caller may change it
	Digest() ([32]byte, error)       // the hash of the vector's bytes
}

// Node is one node's side of all its conversations. It is for one goroutine at a
// time, as its sessions are.
type Node struct {
	self     shoal.NodeID
	journal  Journal
	sessions map[*Session]bool
	claims   map[shoal.NodeID]claim

	admissions uint64 // how often Admitted was told
}

// claim says that a session has asked its peer for an author's batches, so that
// no other does: what many announce at once is to come once.
type claim struct {
	by    *Session
	until time.Time
	given bool // the peer has sent some
	vain  bool // what it sent could not be taken yet
}

// New returns the node whose own batches are self's.
func New(self shoal.NodeID, journal Journal) *Node {
	return &Node{self: self, journal: journal, sessions: make(map[*Session]bool), claims: make(map[shoal.NodeID]claim)}
}

// Meet begins a conversation. End ends it.
func (n *Node) Meet(now time.Time) *Session {
	s := &Session{
		node: n, digestAt: now,
		theirs: record.Vector{}, wants: record.Vector{},
		lacks: make(map[shoal.NodeID]bool), news: make(map[shoal.NodeID]bool),
	}
	n.sessions[s] = true
	return s
}

// Grew tells all sessions that the journal has come further with an author.
func (n *Node) Grew(now time.Time, author shoal.NodeID) {
	upto := n.journal.Upto(author)
	for s := range n.sessions {
		if s.theirs[author] >= upto {
			continue
		}
		if s.news[author] = true; s.newsAt.IsZero() {
			s.newsAt = now.Add(HaveDelay)
		}
	}
}

// Own is how many peers have said how far they are, and whether all of them
// have, none with more of this node's own batches than it has itself. If one
// has, the journal is not what it was, as after a restore from a backup, and they
// are on their way.
func (n *Node) Own() (met int, sure bool) {
	sure = true
	for s := range n.sessions {
		if s.met {
			met++
		}
		sure = sure && s.met && s.theirs[n.self] <= n.journal.Upto(n.self)
	}
	return met, sure
}

// claim reports whether a session may ask for an author's batches now; if not,
// when to try again. One that has asked and was given nothing lets others go
// first: its peer may announce what it does not have, again and again.
func (n *Node) claim(now time.Time, author shoal.NodeID, s *Session) (again time.Time, ok bool) {
	c, held := n.claims[author]
	switch {
	case held && now.Before(c.until):
		return c.until, false
	case held && c.by == s && !c.given && n.elsewhere(author, s):
		return now.Add(Patience), false
	}
	n.claims[author] = claim{by: s, until: now.Add(Patience)}
	return time.Time{}, true
}

// elsewhere reports whether another session's peer has batches of an author's
// that this node lacks.
func (n *Node) elsewhere(author shoal.NodeID, s *Session) bool {
	ours := n.journal.Upto(author)
	for other := range n.sessions {
		if other != s && other.theirs[author] > ours {
			return true
		}
	}
	return false
}

// Admitted tells that others may speak now than before: what peers gave that could
// not be taken is asked for again at once.
func (n *Node) Admitted() {
	n.admissions++
	maps.DeleteFunc(n.claims, func(_ shoal.NodeID, c claim) bool { return c.vain })
	for s := range n.sessions {
		s.review()
	}
}

// Admissions is how often others were let in so far: whoever takes in batches looks
// before, and tells Took.
func (n *Node) Admissions() uint64 { return n.admissions }

// spurn notes that what a session's peer has sent could not be taken.
func (n *Node) spurn(author shoal.NodeID, s *Session) {
	if c, held := n.claims[author]; held && c.by == s {
		c.vain = true
		n.claims[author] = c
	}
}

// release gives up a session's claim, if it has it.
func (n *Node) release(author shoal.NodeID, s *Session) {
	if n.claims[author].by == s {
		delete(n.claims, author)
	}
}

// settle notes that a session's peer has sent some of an author's batches, which
// were taken. The claim is kept while more were announced, and a moment longer:
// what came since is on its way behind them.
func (n *Node) settle(now time.Time, author shoal.NodeID, s *Session, more bool) {
	if c, held := n.claims[author]; !held || c.by != s {
		return
	}
	wait := Lull
	if more {
		wait = Patience
	}
	n.claims[author] = claim{by: s, until: now.Add(wait), given: true}
}
