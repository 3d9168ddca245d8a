package standing

import (
	"time"

	"shoal"
	"shoal/internal/membership/roster"
)

// Action is something that the shell must do: one of the types below.
type Action interface{ action() }

// Enrol gives the failure detector the nodes that should be there, sorted.
type Enrol struct{ Nodes []shoal.NodeID }

// Moved tells the failure detector that a node says to be elsewhere than before.
type Moved struct{ Node shoal.NodeID }

// Greet starts to exchange journals with a connected peer, and to fetch from it.
type Greet struct{ Peer shoal.NodeID }

// Disconnect ends all connections to a peer.
type Disconnect struct{ Peer shoal.NodeID }

// Recover asks a connected peer for all that the founder and this node have said, and
// answers with a Recovered. The peer need not be trusted: both sign what they say.
type Recover struct{ Peer shoal.NodeID }

// Doubt tells a person that the node's folder was copied, restored or mended, and
// that the node waits for more than half of the others.
type Doubt struct{}

// Settle forgets, durably, that the folder was moved. A failure is no obstacle: the
// next start finds it again.
type Settle struct{}

// MaySpeak lets the journal take in what this node says. Sure is false if a peer has
// heard batches of this node that have not come back.
type MaySpeak struct{ Sure bool }

// Introduce writes a record of this node into the journal, and answers with a Said.
type Introduce struct{ Self roster.Self }

// Joined says that this node is on the roster and has introduced itself.
type Joined struct{}

// Ask asks a connected node whether this node is on its roster, and answers with a
// Welcome.
type Ask struct{ Peer shoal.NodeID }

// Serve lets a visitor in.
type Serve struct{ Visit uint64 }

// Refuse tells a visitor that it is not on the roster.
type Refuse struct{ Visit uint64 }

// Wake asks for a Tick at a time of the clock that Step is given. It replaces the
// last Wake.
type Wake struct{ At time.Duration }

func (Enrol) action()      {}
func (Moved) action()      {}
func (Greet) action()      {}
func (Disconnect) action() {}
func (Recover) action()    {}
func (Doubt) action()      {}
func (Settle) action()     {}
func (MaySpeak) action()   {}
func (Introduce) action()  {}
func (Joined) action()     {}
func (Ask) action()        {}
func (Serve) action()      {}
func (Refuse) action()     {}
func (Wake) action()       {}
