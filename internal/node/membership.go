package node

import (
	"context"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/redundancy/safety"
)

// newCouncil gives membership the other chapters.
func newCouncil(c *core, r *reconciler) *membership.Council {
	return membership.NewCouncil(c.membership, membership.Parts{
		Host: c.host, Journal: c.journal, Beats: c.beats, Exchange: c.exchange, Copies: copies{r},
		Place: c.place, Addrs: func() []string { return forOthers(c.host.Addrs()) },
		Met: c.fetcher.AddSource, Begun: c.recoverNames,
		Voids: func(ctx context.Context, items []journal.Item) error { // the words of a revoked node
			err := c.catalog.Void(ctx, items)
			r.voided(items)
			return err
		},
	})
}

// copies is what membership is told of the copies.
type copies struct{ r *reconciler }

// Safe, Excused, Free and Look are as membership.Copies says.
func (c copies) Safe(ctx context.Context) (safe, settled bool, err error) {
	v, err := c.r.safety(ctx)
	return v.State == safety.Safe || v.State == safety.Empty, v.Settled, err
}

func (c copies) Excused(id shoal.NodeID) time.Time { return c.r.excused(id) }

func (c copies) Free() (int64, error) {
	usage, err := c.r.n.quota.Usage(c.r.n.ctx)
	return usage.Free, err
}

func (c copies) Look() { c.r.look(c.r.n.ctx) }

// Nodes lists the nodes of the shoal. See shoal.Council.
func (n *Node) Nodes(ctx context.Context) ([]shoal.Member, error) { return n.council.Nodes(ctx) }

// SetNode changes what holds for a node. See shoal.Council.
func (n *Node) SetNode(ctx context.Context, ref string, change shoal.NodeChange) (shoal.Member, error) {
	return n.council.SetNode(ctx, ref, change)
}

// Invite makes a ticket. See shoal.Council.
func (n *Node) Invite(ctx context.Context, req shoal.InviteRequest) (shoal.Invite, error) {
	return n.council.Invite(ctx, req)
}
