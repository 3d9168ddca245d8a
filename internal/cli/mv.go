package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"shoal"
)

func newMv(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "mv REF... NAME",
		Short: "Give files other names",
		Long: "Mv gives a file another name, on all nodes; no byte moves. If NAME ends in a slash the\n" +
			"files go below it and keep the last part of their names. A REF that ends in a slash is\n" +
			"all files below it, which go below NAME.",
		Example: examples(
			"shoal mv draft.pdf report.pdf", "rename",
			"shoal mv a.jpg b.jpg photos/", "put below photos",
			"shoal mv photos/ pictures/", "rename a folder",
		),
		Args:              refCount(2, anyNumber),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			last := len(args) - 1
			refs, err := readRefs(args[:last], a.stdin(cmd.Context()))
			if err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error { return a.move(cmd.Context(), node, refs, args[last], force) })
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "put what has the name now into the trash")
	return cmd
}

// checkLength refuses a name that is too long to be asked for.
func checkLength(name string) error {
	if len(name) > shoal.MaxNameLength {
		return fmt.Errorf("the name has %d bytes, and %d are the most: %w", len(name), shoal.MaxNameLength, shoal.Usage)
	}
	return nil
}

func (a *app) move(ctx context.Context, node shoal.Node, refs []string, to string, force bool) error {
	if err := checkLength(to); err != nil {
		return err
	}
	folder := strings.HasSuffix(to, "/")
	if !folder && (len(refs) > 1 || shoal.IsFolder(refs[0])) {
		return shoal.WithHint(fmt.Errorf("several files cannot all be called %s: %w", to, shoal.Usage), "end it with a slash: "+to+"/")
	}
	from := ""
	if len(refs) == 1 && shoal.IsFolder(refs[0]) {
		from = refs[0]
	}
	return a.change(ctx, node, refs, change{done: "renamed", item: func(ref string) shoal.ChangeItem {
		name := to
		if inside, ok := strings.CutPrefix(ref, from); ok && from != "" {
			name = to + inside
		}
		return shoal.ChangeItem{Move: &shoal.MoveRequest{Ref: ref, Name: name, Force: force}}
	}})
}
