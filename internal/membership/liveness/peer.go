package liveness

import (
	"slices"
	"time"
)

// quorum is how many nodes must agree that one is down, where there are as
// many as voters; fewer nodes than that cannot be asked for it.
const (
	quorum = 2
	voters = 4
)

// peer is what is known of one node of the roster.
type peer struct {
	state   State
	since   time.Duration // the shell's clock
	said    *Statement    // its newest; nil if none is known
	claims  []Claim       // against its incarnation, one a reporter, at most quorum + 1
	accused time.Duration // own time of the first of claims
	link    *link         // nil if there is no connection and none is wanted
	back    time.Duration // own time since which a down node seems to be back; 0 if it does not
}

// link is what this node has to do with a peer itself. Times are its own.
type link struct {
	up      bool // there is a connection
	watched bool // its beats are due here
	beaten  bool // beats are due there

	heard   time.Duration // the last message; 0 for none
	vouched time.Duration // when it was last heard of as refuting a claim
	begun   time.Duration // when watching began
	streak  int           // beats in a row, as damping counts them
	counted time.Duration // when the last of them came

	gone    bool // refused to be connected to
	cut     bool // was reset, and could not be reached again
	reset   bool // was reset, and is being redialled
	dialing bool
	dialled time.Duration // when it was last dialled; 0 for never
	moved   bool          // it is being dialled at two places, of which one is of no use any more

	nonce, rival uint64 // of its process, and of the process before that
	life         uint64 // the incarnation that came with nonce

	owes    debts
	replied time.Duration // when a comparison was last answered; 0 for never
	differs int           // messages in a row whose summary was not this node's
}

// debts are what the next message to a peer must have.
type debts uint8

const (
	oweAnswer debts = 1 << iota // anything: it asked
	oweSaid                     // this node's statement
	oweTheirs                   // what is held against the peer, or its later statement
	oweWant                     // to be asked for its statement
)

// incarnation is the one that claims must be against to count.
func (p *peer) incarnation() uint64 {
	if p.said == nil {
		return 0
	}
	return p.said.Incarnation
}

// accusers is how many claims are enough to call the node down.
func (p *peer) accusers() int {
	n := 0
	for i := range p.claims {
		if p.claims[i].Level.final() {
			n++
		}
	}
	return n
}

// lacks reports whether the claim adds to what is known: a doubt to a node
// nobody doubts, or one more voice of the quorum to call it down. What adds
// nothing is neither checked nor kept nor passed on, so that a death costs each
// node three claims however many watched.
func (p *peer) lacks(c *Claim) bool {
	if c.Incarnation != p.incarnation() {
		return false
	}
	for i := range p.claims {
		if p.claims[i].Reporter == c.Reporter {
			return c.Level > p.claims[i].Level && (p.claims[i].Level.final() || p.accusers() < quorum)
		}
	}
	return len(p.claims) == 0 || c.Level.final() && p.accusers() < quorum
}

// keep adds a claim that lacks approved of.
func (p *peer) keep(c Claim) {
	kept := slices.DeleteFunc(slices.Clone(p.claims), func(old Claim) bool { return old.Reporter == c.Reporter })
	p.claims = append(kept, c)
}

// claim gives the claim of a reporter; nil if there is none.
func (p *peer) claim(reporter Handle) *Claim {
	for i := range p.claims {
		if p.claims[i].Reporter == reporter {
			return &p.claims[i]
		}
	}
	return nil
}

// sum is the peer's part of the table's summary. Which nodes claim something
// is left out: two nodes that have heard different reporters first agree.
func (p *peer) sum(h Handle) uint32 {
	if p.said == nil && len(p.claims) == 0 {
		return 0
	}
	var seq uint64
	if p.said != nil {
		seq = p.said.Seq + 1
	}
	return uint32(mix(mix(mix(uint64(h)+p.incarnation())+seq) + uint64(min(p.accusers(), quorum))))
}
