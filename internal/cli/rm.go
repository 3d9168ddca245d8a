package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newRm(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rm REF...",
		Short: "Make the node forget files",
		Long: "Rm makes this node forget files: their names, and their chunks in its store. Other\n" +
			"nodes keep what they have, and a file added with --link stays where it lies.",
		Example: examples(
			"shoal rm old.iso", "by name",
			"shoal ls tmp/ | shoal rm -", "everything under tmp",
		),
		Args:              refCount(1, anyNumber),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, err := readRefs(args, a.env.Stdin)
			if err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error { return a.remove(cmd.Context(), node, refs) })
		},
	}
}

func (a *app) remove(ctx context.Context, node shoal.Node, refs []string) error {
	sum := outcome{screen: a.screen}
	sum.expect(len(refs))
	for _, ref := range refs {
		entry, err := node.Remove(ctx, ref)
		switch {
		case err == nil:
			sum.succeed(a.screen.result(entry, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s  %s\n", entry.ID, clean(entry.Name))
				return err
			}))
		case ctx.Err() != nil || shoal.CodeOf(err) == shoal.NoNode:
			return err
		default:
			sum.fail(ref, err)
		}
	}
	if sum.done > 0 {
		a.screen.conclude("removed %s", count(sum.done, "file"))
	}
	return sum.err()
}
