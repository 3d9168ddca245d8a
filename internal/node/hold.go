package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"shoal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

// How long a peer has to say what it holds, and how much of that it takes to get
// what it should hold first, if the asker waits for that.
const (
	holdTimeout  = 5 * time.Second
	answerWithin = 2 * time.Second
)

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
	if ask.Waited {
		n.putOff(stream, ask)
	}
	hold, err := n.steward.answer(n.ctx, stream.Peer(), ask)
	if err != nil {
		return err
	}
	_, err = stream.Write(hold.Append(nil))
	return err
}

// putOff holds back the answer to one who waits for a file's copies until this
// node has its part, for one answer then is worth more than many before. It does
// so for answerWithin, and no longer than the asker listens.
func (n *Node) putOff(stream network.Stream, ask wire.Ask) {
	ctx, cancel := context.WithTimeout(n.ctx, answerWithin)
	var listening sync.WaitGroup
	listening.Go(func() {
		defer cancel()
		_, _ = stream.Read(make([]byte, 1)) // it says no more
	})
	if n.journal.Await(ctx, stream.Peer(), ask.Upto) {
		n.steward.awaitPart(ctx, ask.File)
	}
	_ = stream.SetReadDeadline(time.Now()) // ends the read; a stream that fails here fails again when it is written to
	listening.Wait()
	cancel()
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
