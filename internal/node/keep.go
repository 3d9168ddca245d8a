package node

import (
	"context"
	"time"
)

func (n *Node) tmpKeep(ctx context.Context) {
	for {
		for _, a := range n.cfg.Peers {
			if _, err := n.host.Connect(ctx, a); err != nil {
				n.cfg.Log.Info("peer not reached", "addr", a, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}
