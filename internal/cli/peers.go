package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

func newPeers(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "peers",
		Short:   "List the nodes this one is connected to",
		Long:    "Peers lists the connected nodes, how far away they are, and how much they gave and got.",
		Example: examples("shoal peers", "who is there?"),
		Args:    refCount(0, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(func(node shoal.Node) error {
				peers, err := node.Peers(cmd.Context())
				if err != nil {
					return err
				}
				if len(peers) == 0 {
					a.screen.conclude("no peer is connected: shoal up --peer ADDR names one, and so does every link")
				}
				return a.listPeers(peers)
			})
		},
	}
}

func (a *app) listPeers(peers []shoal.Peer) error {
	now := a.env.Now()
	t := newTable(toLeft, toLeft, toRight, toRight, toRight, toLeft, toLeft)
	if len(peers) > 0 {
		t.row("NAME", "ID", "LATENCY", "RECEIVED", "SENT", "SINCE", "ADDRESS")
	}
	for _, p := range peers {
		err := a.screen.result(p, func(io.Writer) error {
			t.row(peerName(p.ID, p.Name), p.ID.Short(), latency(p.Latency), size(p.BytesIn), size(p.BytesOut), ago(p.Since, now), p.Addr)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if a.screen.json {
		return nil
	}
	return t.print(a.screen.stdout, "")
}

// latency is a round trip, or nothing where none was measured yet.
func latency(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return span(d)
}
