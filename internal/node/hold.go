package node

import (
	"context"
	"slices"
	"time"

	"shoal"
	"shoal/internal/network/ask"
	"shoal/internal/network/wire"
)

// How long a peer has to say what it holds, and how much of that it takes to get
// what it should hold first, if the asker waits for that.
const (
	holdTimeout  = 5 * time.Second
	answerWithin = 2 * time.Second
)

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
func (n *Node) answerHold(ctx context.Context, q ask.Question) ([]byte, error) {
	question, err := wire.ParseAsk(q.Body)
	if err != nil {
		return nil, err
	}
	if question.Waited {
		n.putOff(ctx, q, question)
	}
	hold, err := n.steward.answer(ctx, q.From, question)
	if err != nil {
		return nil, err
	}
	return hold.Append(nil), nil
}

// putOff holds back the answer to one who waits for a file's copies until this
// node has its part, for one answer then is worth more than many before. It does
// so for answerWithin, and no longer than the asker listens.
func (n *Node) putOff(ctx context.Context, q ask.Question, question wire.Ask) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	ctx, stop := q.Listening(ctx)
	defer stop()
	if n.journal.Await(ctx, q.From, question.Upto) {
		n.steward.awaitPart(ctx, question.File)
	}
}

// holding is what one node holds of a file.
type holding struct {
	node shoal.NodeID
	wire.Hold
}

// askHolders asks nodes what they hold of a file, all at once, and gives the
// answers that came in time: none if this process stood still meanwhile, for then
// they may be old.
func (n *Node) askHolders(ctx context.Context, nodes []shoal.NodeID, question wire.Ask) []holding {
	return n.askUntil(ctx, nodes, question, nil)
}

// askUntil is askHolders, but waits for no more answers once one is enough. enough
// is called with one after the other; nil waits for all.
func (n *Node) askUntil(ctx context.Context, nodes []shoal.NodeID, question wire.Ask, enough func(holding) bool) []holding {
	asked := time.Now()
	others := slices.DeleteFunc(slices.Clone(nodes), func(id shoal.NodeID) bool { return id == n.self() })
	answers := ask.Many(ctx, others, holdWidth, func(ctx context.Context, node shoal.NodeID) (holding, bool) {
		body, err := ask.Peer(ctx, n.host, node, holdKind(), question.Append(nil))
		var hold wire.Hold
		if err == nil {
			hold, err = wire.ParseHold(body, question.Chunks)
		}
		if err != nil {
			n.cfg.Log.Debug("a holder did not answer", "node", node, "err", err)
		}
		return holding{node, hold}, err == nil
	}, enough)
	if time.Since(asked) > 2*holdTimeout {
		return nil
	}
	return answers
}
