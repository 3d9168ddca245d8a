package cli

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"shoal"
)

func newLs(a *app) *cobra.Command {
	var long, trash bool
	cmd := &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "List the files of the shoal",
		Long: "Ls prints the names of the shoal's files, one a line, in order: all of them, or those\n" +
			"that start with PREFIX.",
		Example: examples(
			"shoal ls", "every name",
			"shoal ls -l photos/", "sizes, ages and ids too, of what is under photos",
			"shoal ls photos/ | shoal get - -o .", "get them all",
			"shoal ls --trash -l", "what was removed, and until when it can be had back",
		),
		Args:              refCount(0, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix := ""
			if len(args) == 1 {
				prefix = args[0]
			}
			list := a.list
			if trash {
				list = a.listTrash
			}
			return a.ask(func(node shoal.Node) error { return list(cmd.Context(), node, prefix, long) })
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "with size, age and id")
	cmd.Flags().BoolVar(&trash, "trash", false, "what was removed or replaced and can be had back, the latest first")
	return cmd
}

// entries gives the entries whose names start with a prefix, in order.
func entries(ctx context.Context, node shoal.Node, prefix string) iter.Seq2[shoal.Entry, error] {
	return func(yield func(shoal.Entry, error) bool) {
		for page, err := range pages(ctx, node, prefix) {
			if err != nil {
				yield(shoal.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// pages gives the same, as many at a time as there may be.
func pages(ctx context.Context, node shoal.Node, prefix string) iter.Seq2[[]shoal.Entry, error] {
	return func(yield func([]shoal.Entry, error) bool) {
		request := shoal.ListRequest{Prefix: prefix, Limit: shoal.MaxList}
		for {
			page, err := node.List(ctx, request)
			if !yield(page, err) || err != nil || len(page) < shoal.MaxList {
				return
			}
			request.After = page[len(page)-1].Name
		}
	}
}

// list prints the entries, page by page.
func (a *app) list(ctx context.Context, node shoal.Node, prefix string, long bool) error {
	for page, err := range pages(ctx, node, prefix) {
		if err != nil {
			return err
		}
		if err := a.listPage(page, long); err != nil {
			return err
		}
	}
	switch {
	case a.screen.sum.Results > 0:
	case prefix == "":
		a.screen.conclude("nothing is here yet: shoal add FILE")
	default:
		a.screen.conclude("no name starts with %s", prefix)
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

// listTrash prints what can be had back.
func (a *app) listTrash(ctx context.Context, node shoal.Node, prefix string, long bool) error {
	removed, err := node.Trash(ctx, prefix)
	if err != nil {
		return err
	}
	now := a.env.Now()
	t := newTable(toRight, toLeft, toLeft, toLeft, toLeft)
	for _, r := range removed {
		err := a.screen.result(r, func(w io.Writer) error {
			if long {
				t.row(size(r.Size), "removed "+ago(r.Since, now), "kept for "+span(max(r.Until.Sub(now), 0)), r.ID.Short(), r.Name)
				return nil
			}
			_, err := fmt.Fprintln(w, clean(r.Name))
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(removed) == 0 {
		a.screen.conclude("the trash is empty")
	}
	return t.print(a.screen.stdout, "")
}
