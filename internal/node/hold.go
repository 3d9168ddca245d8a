package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"shoal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/reconcile"
)

// holdTimeout is how long a peer has to say what it holds.
const holdTimeout = reconcile.HoldTimeout

// serveHold answers a peer that asks what this node holds of a file.
func (n *Node) serveHold(stream network.Stream) {
	if err := n.answerHold(stream); err != nil {
		n.cfg.Log.Debug("a question was not answered", "peer", stream.Peer(), "err", err)
		stream.Reset()
		return
	}
	if err := stream.Close(); err != nil {
		stream.Reset()
	}
}

func (n *Node) answerHold(stream network.Stream) error {
	if err := stream.SetDeadline(time.Now().Add(holdTimeout)); err != nil {
		return err
	}
	body, err := readFrame(stream, wire.TypeAsk, maxFindBody)
	if err != nil {
		return err
	}
	ask, err := wire.ParseAsk(body)
	if err != nil {
		return err
	}
	hold, err := n.holdFor(stream, ask)
	if err != nil {
		return err
	}
	_, err = stream.Write(hold.Append(nil))
	return err
}

// holdFor has the reconciler answer a question. It may hold the answer back, but no
// longer than the asker listens.
func (n *Node) holdFor(stream network.Stream, ask wire.Ask) (wire.Hold, error) {
	ctx, cancel := context.WithCancel(n.ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // it says no more
			cancel()
		}
	})
	defer listening.Wait()
	defer func() { _ = stream.SetReadDeadline(time.Now()) }() // ends the read; a stream that fails here fails again when it is written to
	defer cancel()
	a, err := n.reconciler.call(ctx, func(c reconcile.Call) reconcile.Event {
		return reconcile.Asked{Call: c, From: stream.Peer(), File: ask.File, Chunks: ask.Chunks, Upto: ask.Upto, Heard: n.journal.Upto(stream.Peer()), Waited: ask.Waited}
	})
	if err != nil {
		return wire.Hold{}, err
	}
	answer := a.(reconcile.Answer)
	if answer.Failed {
		return wire.Hold{}, fmt.Errorf("the catalogue or the store cannot be read")
	}
	return wire.Hold{Has: answer.Has, Pledge: answer.Pledge}, nil
}

// holding is what one node holds of a file.
type holding struct {
	node shoal.NodeID
	wire.Hold
}

// askHolders asks nodes what they hold of a file, all at once, and gives the
// answers that came in time: none if this process stood still meanwhile, for then
// they may be old.
func (n *Node) askHolders(ctx context.Context, nodes []shoal.NodeID, ask wire.Ask) []holding {
	return n.askUntil(ctx, nodes, ask, func(holding) bool { return false })
}

// askUntil is askHolders, but waits for no more answers once one is enough. enough
// is called with one after the other.
func (n *Node) askUntil(ctx context.Context, nodes []shoal.NodeID, ask wire.Ask, enough func(holding) bool) []holding {
	asked := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // of answers
	var answers []holding
	var wg sync.WaitGroup
	for _, node := range nodes {
		if node == n.self() {
			continue
		}
		wg.Go(func() {
			hold, err := n.askHolder(ctx, node, ask)
			if err != nil {
				n.cfg.Log.Debug("a holder did not answer", "node", node, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, holding{node, hold})
			if enough(answers[len(answers)-1]) {
				cancel()
			}
		})
	}
	wg.Wait()
	if time.Since(asked) > 2*holdTimeout {
		return nil
	}
	return answers
}

func (n *Node) askHolder(ctx context.Context, node shoal.NodeID, ask wire.Ask) (wire.Hold, error) {
	ctx, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	stream, err := n.host.Open(ctx, node, wire.HoldProtocol)
	if err != nil {
		return wire.Hold{}, err
	}
	defer stream.Reset()
	stop := context.AfterFunc(ctx, stream.Reset)
	defer stop()
	if _, err := stream.Write(ask.Append(nil)); err != nil {
		return wire.Hold{}, err
	}
	body, err := readFrame(stream, wire.TypeHold, wire.MaxBody)
	if err != nil {
		return wire.Hold{}, fmt.Errorf("ask %s: %w", node.Short(), err)
	}
	return wire.ParseHold(body, ask.Chunks)
}
