package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
)

// A node that starts may have been restored from a backup, and the others have
// heard more from it than it remembers. It says nothing new before it has asked,
// or it would give the same numbers to other batches.
const (
	recallTime  = 3 * time.Second  // for as long it waits for those who do not answer
	recallLimit = 30 * time.Second // and for what somebody says that it has said
	recallPeers = 8                // as many are enough
	askTime     = 5 * time.Second  // for one of those whom a node that knows nobody asks
	movedTime   = 20 * time.Second // for as long whoever has something to say waits for more than half of the others
)

// begin lets this node speak once it knows how far it had come itself.
func (n *Node) begin() {
	n.recall()
	n.recoverNames(n.ctx)
	n.herald(n.ctx)
}

func (n *Node) recall() {
	ctx, cancel := context.WithTimeout(n.ctx, recallLimit)
	defer cancel()
	n.reclaim(ctx)
	if n.doubtful.Load() && !n.settle() {
		return
	}
	defer close(n.recalled)
	if err := n.exchange.Recall(ctx, min(n.others(), recallPeers), recallTime); err != nil && n.ctx.Err() == nil {
		n.cfg.Log.Warn("what others heard from this node has not come back; it goes on from what it has")
	}
}

// others is how many others are in the shoal.
func (n *Node) others() int {
	return len(slices.DeleteFunc(n.here(), func(id shoal.NodeID) bool { return id == n.self() }))
}

// settle has a node whose folder was copied, restored or mended wait until more than
// half of the others have told what they heard from it, however long that takes, and
// then until it would have been heard of if it ran elsewhere. It reports whether
// this is so: not if the node was closed before.
func (n *Node) settle() bool {
	if n.others() > 0 {
		n.cfg.Log.Warn("this folder was copied, restored or mended: the node says nothing before more than half of the others have told what they heard from it")
	}
	for {
		met, sure, heard := n.exchange.Own()
		if others := n.others(); sure && 2*met > others || others == 0 {
			break
		}
		select {
		case <-heard:
		case <-n.ctx.Done():
			return false
		}
	}
	if n.others() > 0 {
		select {
		case <-time.After(cmp.Or(n.cfg.DownAfter, liveness.DefaultDown)):
		case <-n.ctx.Done():
			return false
		}
	}
	if err := n.journal.Settle(n.ctx); err != nil {
		n.cfg.Log.Warn("that this folder was moved will be found again at the next start", "err", err)
	}
	n.doubtful.Store(false)
	return n.ctx.Err() == nil
}

// mayspeak blocks until this node may say something; of one that was moved, as long
// as that can be soon. Errors: shoal.Network if it waits for others; the cause of
// ctx's end.
func (n *Node) mayspeak(ctx context.Context) error {
	var late <-chan time.Time
	switch {
	case n.journal.Moved():
		late = time.After(movedTime)
	case n.doubtful.Load():
		late = time.After(recallLimit + movedTime)
	}
	select {
	case <-n.recalled:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late:
		return shoal.WithHint(fmt.Errorf("this node's folder was copied, restored or mended, and it says nothing before more than half of the other nodes have told what they heard from it: %w", shoal.Network),
			"start the others; if they are gone for good, stop this one and run `shoal doctor --moved`")
	}
}

// acquainted lists the nodes that this one has let in, or been in touch with, by
// what it remembers beside the journal.
func (n *Node) acquainted() []shoal.NodeID {
	return append(n.addresses.nodes(), n.invites.joined()...)
}

// lost reports whether this node is acquainted with others of its shoal, and now
// knows nothing of how: a founder of nobody whom it has let in, another not that it
// was let in itself. Its journal is lost, or is from before that.
func (n *Node) lost() bool {
	if len(n.acquainted()) == 0 {
		return false
	}
	if n.self() != n.belongs.Shoal {
		return n.roll.node(n.self()).Role == roster.Stranger
	}
	return !slices.ContainsFunc(n.roll.nodes(), func(m roster.Node) bool { return m.ID != n.self() })
}

// reclaim has a node that is lost ask those it remembers for what its founder and
// it have said, until it knows the roster again or ctx ends. It need not trust
// them: what they tell is signed by the key after which the shoal is named, and by
// its own. A founder that went on without would give the numbers of what it has
// forgotten to something else, and never hear from anybody again.
func (n *Node) reclaim(ctx context.Context) {
	for n.lost() && ctx.Err() == nil {
		known := n.acquainted()
		for _, conn := range n.host.Peers() {
			if !slices.Contains(known, conn.Peer) || !n.lost() {
				continue
			}
			if err := n.reclaimFrom(ctx, conn.Peer); err != nil {
				n.cfg.Log.Info("what this node has forgotten was not to be had", "peer", conn.Peer, "err", err)
			}
		}
		if !n.lost() {
			return
		}
		select {
		case <-n.met:
		case <-ctx.Done():
		}
	}
}

func (n *Node) reclaimFrom(ctx context.Context, peer shoal.NodeID) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return n.exchange.Reclaim(ctx, peer, slices.Compact([]shoal.NodeID{n.belongs.Shoal, n.self()})...)
}
