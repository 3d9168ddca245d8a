// Package transfer moves chunks between nodes. Its packages are picker (what
// to ask whom for, pure), fetch (the loop that gets a file from many sources)
// and serve (the side that answers); this package holds what fetch and serve
// share: the board of what can be served right now, the tracker of who else is
// after a file, the bans, and the budget of buffer memory.
//
// It opens no connection and knows no store: both are handed to it.
package transfer

import (
	"io"
	"time"

	"shoal"
)

// Stream is what a transfer needs of a stream to a peer; network.Stream has it.
type Stream interface {
	io.ReadWriteCloser
	Reset()
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	Peer() shoal.NodeID
}
