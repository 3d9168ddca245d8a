package cli

import (
	"github.com/spf13/cobra"

	"shoal"
)

func newRm(a *app) *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "rm REF...",
		Short: "Remove files; undelete has them back for a day",
		Long: "Rm takes names away, on all nodes. A REF that is an id or a link is all names of that\n" +
			"file, one that ends in a slash all files below it. When a file has no name left its\n" +
			"chunks leave the disks, but only after the trash time (shoal up --trash), and until\n" +
			"then shoal undelete has it back. A file added with --link stays where it lies.",
		Example: examples(
			"shoal rm old.iso", "by name",
			"shoal rm tmp/", "everything under tmp",
			"shoal find --type bak | shoal rm -", "everything that was found",
			"shoal rm --now big.iso", "make room on this node's disk at once",
		),
		Args:              refCount(1, anyNumber),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, err := readRefs(args, a.stdin(cmd.Context()))
			if err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error {
				return a.change(cmd.Context(), node, refs, change{done: "removed", item: func(ref string) shoal.ChangeItem {
					return shoal.ChangeItem{Remove: &shoal.RemoveRequest{Ref: ref, Now: now}}
				}})
			})
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "delete this node's chunks at once; undelete then depends on what other nodes have")
	return cmd
}
