package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newRepair(a *app) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Look for missing copies now, or show what would move and why",
		Long: "Repair has the node look at all files at once and get what it should hold and lacks. It\n" +
			"does so by itself when a node dies, joins or drains: this is for the impatient. With\n" +
			"--dry-run it changes nothing, and prints what each node is about to copy or delete.",
		Example: examples(
			"shoal repair --dry-run", "what would move, and why?",
			"shoal repair", "now",
		),
		Args: refCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(func(node shoal.Node) error { return a.repair(cmd.Context(), node, dry) })
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only print what would move, and why")
	return cmd
}

func (a *app) repair(ctx context.Context, node shoal.Node, dry bool) error {
	if dry {
		return a.plan(ctx, node)
	}
	if err := node.Repair(ctx); err != nil {
		return err
	}
	a.screen.conclude("the node looks at all files now: shoal status tells how it goes")
	return nil
}

// plan prints what is about to move.
func (a *app) plan(ctx context.Context, node shoal.Node) error {
	moves, err := node.Plan(ctx, 0)
	if err != nil {
		return err
	}
	t := newTable(toLeft, toLeft, toRight, toLeft, toLeft)
	for _, m := range moves {
		err := a.screen.result(m, func(io.Writer) error {
			t.row(peerName(m.Node, m.NodeName), does(m.Kind), size(m.Bytes), clean(m.Name), clean(m.Why))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(moves) == 0 {
		a.screen.conclude("nothing is to be moved")
	}
	if a.screen.json {
		return nil
	}
	return t.print(a.screen.stdout, "")
}

// does is what a node does in a move.
func does(kind shoal.MoveKind) string {
	if kind == shoal.MoveCopy {
		return "copies"
	}
	return string(kind) + "s"
}
