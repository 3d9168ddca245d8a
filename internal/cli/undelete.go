package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"shoal"
)

func newUndelete(a *app) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use:   "undelete REF...",
		Short: "Have removed files back",
		Long: "Undelete takes files out of the trash: what was removed, and what a name meant before it\n" +
			"was given to another file. A REF is a name as `shoal ls --trash` shows it, an id, or a\n" +
			"name that ends in a slash for all below it.",
		Example: examples(
			"shoal ls --trash", "what can be had back?",
			"shoal undelete report.pdf", "the latest that was removed under this name",
			"shoal undelete report.pdf --as report-old.pdf", "beside the one that has the name now",
		),
		Args: refCount(1, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, err := readRefs(args, a.stdin(cmd.Context()))
			if err != nil {
				return err
			}
			if as != "" && len(refs) > 1 {
				return fmt.Errorf("--as is for one file, and %d are named: %w", len(refs), shoal.Usage)
			}
			if err := checkLength(as); err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error { return a.undelete(cmd.Context(), node, refs, as) })
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "what to call it now (default: what it was called)")
	return cmd
}

func (a *app) undelete(ctx context.Context, node shoal.Node, refs []string, as string) error {
	var all []string
	for _, ref := range refs {
		if !shoal.IsFolder(ref) {
			all = append(all, ref)
			continue
		}
		removed, err := node.Trash(ctx, ref)
		if err != nil {
			return err
		}
		if len(removed) == 0 {
			return fmt.Errorf("nothing in the trash is below %s: %w", ref, shoal.NotFound)
		}
		seen := make(map[string]bool) // of several versions the latest, which comes first
		for _, r := range removed {
			if !seen[r.Name] {
				seen[r.Name] = true
				all = append(all, r.Name)
			}
		}
	}
	return a.change(ctx, node, all, change{done: "restored", item: func(ref string) shoal.ChangeItem {
		return shoal.ChangeItem{Undelete: &shoal.UndeleteRequest{Ref: ref, Name: as}}
	}})
}
