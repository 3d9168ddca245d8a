package node

import (
	"context"
	"fmt"

	"shoal"
	"shoal/internal/network/ask"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/reconcile"
)

// holdTimeout is how long a peer has to say what it holds.
const holdTimeout = reconcile.HoldTimeout

// Bounds on asking for holdings: a node has at most that many connections, and
// that many streams that were opened to it (package host).
const (
	holdWidth  = 1024 // nodes asked at once
	holdServed = 1024 // questions answered at once
)

func holdKind() ask.Kind {
	return ask.Kind{Protocol: wire.HoldProtocol, Question: wire.TypeAsk, Answer: wire.TypeHold, Timeout: holdTimeout}
}

// answerHold answers a peer that asks for the chunks of a file on this node.
func (r *reconciler) answerHold(ctx context.Context, q ask.Question) ([]byte, error) {
	question, err := wire.ParseAsk(q.Body)
	if err != nil {
		return nil, err
	}
	if question.Waited { // the answer is held back no longer than the asker listens
		listening, stop := q.Listening(ctx)
		defer stop()
		ctx = listening
	}
	a, err := r.call(ctx, func(c reconcile.Call) reconcile.Event {
		return reconcile.Asked{
			Call: c, From: q.From, File: question.File, Chunks: question.Chunks, Upto: question.Upto, Heard: r.n.journal.Upto(q.From), Waited: question.Waited,
		}
	})
	if err != nil {
		return nil, err
	}
	answer := a.(reconcile.Answer)
	if answer.Failed {
		return nil, fmt.Errorf("the catalogue or the store cannot be read")
	}
	return wire.Hold{Has: answer.Has, Pledge: answer.Pledge}.Append(nil), nil
}

// holding is one node's chunks of a file.
type holding struct {
	node shoal.NodeID
	wire.Hold
}

// askHolder asks a node for its chunks of a file.
func (c *core) askHolder(ctx context.Context, node shoal.NodeID, question wire.Ask) (wire.Hold, error) {
	body, err := ask.Peer(ctx, c.host, node, holdKind(), question.Append(nil))
	if err != nil {
		return wire.Hold{}, err
	}
	return wire.ParseHold(body, question.Chunks)
}

// askHolders asks nodes for their chunks of a file, all at once, and returns the
// answers that came in time.
func (c *core) askHolders(ctx context.Context, nodes []shoal.NodeID, question wire.Ask) []holding {
	return ask.Many(ctx, nodes, holdWidth, func(ctx context.Context, node shoal.NodeID) (holding, bool) {
		hold, err := c.askHolder(ctx, node, question)
		if err != nil {
			c.cfg.Log.Debug("holder did not answer", "node", node, "err", err)
		}
		return holding{node, hold}, err == nil
	}, nil)
}
