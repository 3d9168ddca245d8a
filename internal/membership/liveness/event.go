package liveness

import "shoal"

// Event is something that happened: one of the types below, or a *Roster when
// the set of nodes that should be there has changed. The shell must hand all of
// them over through one queue, Ticks too: then a Tick that comes late tells
// how late the messages behind it are.
type Event interface{ event() }

// Tick says that Config.Tick has passed since the last one.
type Tick struct{}

// Heard is a message from a peer, whose identity the connection has proven.
// From then on the message is the Detector's.
type Heard struct {
	From    shoal.NodeID
	Message *Message
}

// Connected says that there is a connection to a peer on which messages can be
// sent, whoever made it. If the peer is not on the roster it is ignored: the
// shell must say so again when a *Roster has added it.
type Connected struct{ Peer shoal.NodeID }

// Lost says that there is no longer one.
type Lost struct {
	Peer  shoal.NodeID
	Cause Cause
}

// Cause is how a connection ended.
type Cause uint8

// The causes.
const (
	Closed Cause = iota // in order, or nobody knows how
	Reset               // by a reset: the process is gone, or its machine was restarted
)

// Dialled answers a Dial.
type Dialled struct {
	Peer    shoal.NodeID
	Outcome Outcome
}

// Moved says that a peer is to be found where it was not looked for so far.
type Moved struct{ Peer shoal.NodeID }

// Outcome is how a dial ended.
type Outcome uint8

// The outcomes. Reached counts as Connected, so one of the two is enough; a
// Lost must come after both.
const (
	Unknown Outcome = iota // no answer in time, no way there, no address known
	Reached
	Refused // every address answered, and nobody listens or it is not the peer
)

// Say changes what this node says of itself to all.
type Say struct{ Own Own }

// Leave makes this node say good-bye. After it only Heard and Tick are of use,
// to tell those who have not heard of it.
type Leave struct{}

func (Tick) event()      {}
func (*Roster) event()   {}
func (Heard) event()     {}
func (Connected) event() {}
func (Lost) event()      {}
func (Dialled) event()   {}
func (Moved) event()     {}
func (Say) event()       {}
func (Leave) event()     {}
