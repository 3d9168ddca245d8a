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

// holdTimeout is how long a peer has to say what it holds.
const holdTimeout = 5 * time.Second

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
	hold, err := n.steward.answer(n.ctx, stream.Peer(), ask)
	if err != nil {
		return err
	}
	_, err = stream.Write(hold.Append(nil))
	return err
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
	asked := time.Now()
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
