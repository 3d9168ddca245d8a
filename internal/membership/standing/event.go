package standing

import (
	"shoal"
	"shoal/internal/membership/roster"
)

// Event is something that happened: one of the types below.
type Event interface{ event() }

// Begin says that the node starts to catch up, which it does once. The Roster and the
// Acquainted of before it are as the data folder has them.
type Begin struct {
	Moved  bool // the folder was copied, restored or mended since the node spoke last
	Ticket bool // the node was started with a ticket, so it need not know anybody yet
}

// Roster is all nodes of the roster as they are now, in order of their ids.
type Roster struct{ Nodes []roster.Node }

// Acquainted is the nodes that this one has admitted or reached before, as it
// remembers beside the journal.
type Acquainted struct{ Nodes []shoal.NodeID }

// Connected says that there is a connection to a peer.
type Connected struct{ Peer shoal.NodeID }

// Lost says that there is no longer one.
type Lost struct{ Peer shoal.NodeID }

// Connections is all peers with a connection. It makes up for a Connected or a Lost
// that nobody has told.
type Connections struct{ Peers []shoal.NodeID }

// Told says how many peers have told how far they heard this node, and whether all
// that this node speaks with have, and none of them further than it remembers itself.
type Told struct {
	Met  int
	Sure bool
}

// Recovered says that a Recover has ended, in success or not.
type Recovered struct{ Peer shoal.NodeID }

// Place is all that this node would say of itself now.
type Place struct{ Self roster.Self }

// Said says that an Introduce has ended: the journal has it, or could not write it.
type Said struct{ OK bool }

// Welcome is a peer's answer to an Ask.
type Welcome struct {
	Peer   shoal.NodeID
	Answer Answer
}

// Answer is whether this node is on a peer's roster, by the peer's word.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota // no answer came
	Yes
	No
)

// Knock says that a peer wants to be served. The machine gives a Serve or a Refuse
// with the same number within GateWait.
type Knock struct {
	Visit uint64 // tells this one from all others
	Peer  shoal.NodeID
}

// Tick says that the time of a Wake has come.
type Tick struct{}

func (Begin) event()       {}
func (Roster) event()      {}
func (Acquainted) event()  {}
func (Connected) event()   {}
func (Lost) event()        {}
func (Connections) event() {}
func (Told) event()        {}
func (Recovered) event()   {}
func (Place) event()       {}
func (Said) event()        {}
func (Welcome) event()     {}
func (Knock) event()       {}
func (Tick) event()        {}
