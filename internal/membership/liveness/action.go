package liveness

import (
	"time"

	"shoal"
)

// Action is something to do or to know: one of the types below. A Step's
// actions are in the order in which they came up, the same for the same events.
type Action interface{ action() }

// Send asks for a message to be sent on the connection to a peer. If it cannot
// be sent at once it should be dropped, not kept: the next one says it better.
// The shell sets the Message's Clock, and nothing else.
type Send struct {
	To      shoal.NodeID
	Message *Message
}

// Dial asks for a connection to a peer to be made at once, if there is none,
// and for a Dialled when it is known how that went.
type Dial struct{ To shoal.NodeID }

// Changed says that a node's state is not what it was.
type Changed struct{ Member Member }

// Told says that a node says something else of itself than before.
type Told struct{ Member Member }

// Cloned says that two processes live under one identity. If it is this node's
// own, Nonce is the other's.
type Cloned struct {
	Node  shoal.NodeID
	Nonce uint64
}

func (Send) action()    {}
func (Dial) action()    {}
func (Changed) action() {}
func (Told) action()    {}
func (Cloned) action()  {}

// State is whether a node is up, as far as this node knows.
type State uint8

// The states. A node is suspect until something is known of it.
const (
	Suspect State = iota
	Alive
	Down
)

func (s State) String() string {
	switch s {
	case Suspect:
		return "suspect"
	case Alive:
		return "alive"
	case Down:
		return "down"
	}
	return "state?"
}

// Member is what is known of a node.
type Member struct {
	Node  shoal.NodeID
	State State
	Since time.Duration // of the clock that Step is given
	Left  bool          // down by its own word
	Own   Own           // what it last said of itself
}

// Own is what a node says of itself to all. The Detector only carries it.
type Own struct {
	Full   bool   // takes no more chunks
	Free   uint64 // bytes
	Digest []byte // at most MaxDigest, of a meaning that upper layers give it
}
