package node

import (
	"context"
	"time"
)

// A node that starts may have been restored from a backup, and the others have
// heard more from it than it remembers. It says nothing new before it has asked,
// or it would give the same numbers to other batches.
const (
	recallTime  = 3 * time.Second  // for as long it waits for those who do not answer
	recallLimit = 30 * time.Second // and for what somebody says that it has said
	recallPeers = 8                // as many are enough
)

// begin lets this node speak once it knows how far it had come itself.
func (n *Node) begin() {
	n.recall()
	n.herald(n.ctx)
}

func (n *Node) recall() {
	defer close(n.recalled)
	ctx, cancel := context.WithTimeout(n.ctx, recallLimit)
	defer cancel()
	others := 0
	for _, id := range n.here() {
		if id != n.self() {
			others++
		}
	}
	if err := n.exchange.Recall(ctx, min(others, recallPeers), recallTime); err != nil && n.ctx.Err() == nil {
		n.cfg.Log.Warn("what others heard from this node has not come back; it goes on from what it has")
	}
}
