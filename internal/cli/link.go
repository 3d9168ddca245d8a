package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newLink(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "link REF",
		Short: "Print the link by which others get a file",
		Long:  "Link prints one line: all that another machine needs to get the file from this node.",
		Example: examples(
			"shoal link big.iso", "send it to a friend, who types",
			"shoal get 'shoal:9f86d0...'", "... this",
		),
		Args:              refCount(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(func(node shoal.Node) error {
				link, err := node.Link(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.screen.result(linkResult{link}, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, link)
					return err
				})
			})
		},
	}
}

type linkResult struct {
	Link shoal.Link `json:"link"`
}
