package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newLs(a *app) *cobra.Command {
	var long bool
	cmd := &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "List the files on the node",
		Long:  "Ls prints the names of the files on the node, one a line, in order: all of them, or\nthose that start with PREFIX.",
		Example: examples(
			"shoal ls", "every name",
			"shoal ls -l photos/", "sizes, ages and ids too, of what is under photos",
			"shoal ls photos/ | shoal get - -o .", "get them all",
		),
		Args:              refCount(0, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix := ""
			if len(args) == 1 {
				prefix = args[0]
			}
			return a.ask(func(node shoal.Node) error { return a.list(cmd.Context(), node, prefix, long) })
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "with size, age and id")
	return cmd
}

// list prints the entries, page by page.
func (a *app) list(ctx context.Context, node shoal.Node, prefix string, long bool) error {
	request := shoal.ListRequest{Prefix: prefix, Limit: shoal.MaxList}
	for {
		entries, err := node.List(ctx, request)
		if err != nil {
			return err
		}
		if err := a.listPage(entries, long); err != nil {
			return err
		}
		if len(entries) < shoal.MaxList {
			break
		}
		request.After = entries[len(entries)-1].Name
	}
	if a.screen.sum.Results == 0 && prefix == "" {
		a.screen.conclude("nothing is here yet: shoal add FILE")
	}
	return nil
}

func (a *app) listPage(entries []shoal.Entry, long bool) error {
	now := a.env.Now()
	t := newTable(toRight, toLeft, toLeft, toLeft)
	for _, e := range entries {
		err := a.screen.result(e, func(w io.Writer) error {
			if long {
				t.row(size(e.Size), ago(e.Added, now), e.ID.Short(), e.Name)
				return nil
			}
			_, err := fmt.Fprintln(w, clean(e.Name))
			return err
		})
		if err != nil {
			return err
		}
	}
	return t.print(a.screen.stdout, "")
}
