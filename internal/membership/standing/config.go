package standing

import (
	"time"

	"shoal"
)

// The times and bounds of catching up. A node that starts may have been restored
// from a backup, and the others may have heard more from it than it remembers. If it
// spoke before it has asked them, it would give the numbers of forgotten batches to
// new ones.
const (
	RecallTime  = 3 * time.Second  // the wait for peers that do not tell what they heard from this node
	RecallLimit = 30 * time.Second // the wait for batches of its own that a peer has and it has not
	RecallPeers = 8                // so many peers are enough
	MovedTime   = 20 * time.Second // the wait of a caller with something to say, in a node whose folder was copied, restored or mended
)

// The times of introductions.
const (
	BetweenWords = 30 * time.Second // between two introductions at least: each stays in every journal for good
	AgainAfter   = 5 * time.Second  // an introduction that could not be written is tried again
)

// The times and bounds of keeping strangers out.
const (
	GateWait  = 2 * time.Second  // a stranger waits for the word that it was admitted
	GateQueue = 64               // strangers that may wait at once
	Farewell  = time.Second      // a revoked node that connects stays so long: every answer tells it why
	LastNews  = 3 * time.Second  // a connected node that was removed stays so long: the word of it may come by way of others (gossip.HaveDelay)
	AskAgain  = 10 * time.Second // before a node is asked again that does not know this one: it may not have heard yet that this one was admitted
)

// Config says whose standing it is.
type Config struct {
	Self    shoal.NodeID
	Founder shoal.NodeID  // the shoal is named after it
	Sponsor shoal.NodeID  // the node joined through it; "" if it has founded the shoal
	Passing bool          // the node runs for one command: it never speaks, and is never given a Begin
	Down    time.Duration // of silence before others call a node down; 0 is liveness.DefaultDown
}
