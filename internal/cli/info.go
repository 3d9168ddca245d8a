package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

func newInfo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "info REF",
		Short: "Show all that is known of a file",
		Long:  "Info shows a file's id, size and names, how much of it is on this node and where, which\nnodes keep how much of it, and which have it to give.",
		Example: examples(
			"shoal info big.iso", "who has it?",
			"shoal info --json 9f86d081", "the same for a script",
		),
		Args:              refCount(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(func(node shoal.Node) error {
				info, err := node.Info(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.screen.result(info, func(w io.Writer) error {
					return printInfo(w, a.screen.outStyle, info, a.env.Now())
				})
			})
		},
	}
}

func printInfo(w io.Writer, style style, info shoal.FileInfo, now time.Time) error {
	_, err := fmt.Fprintf(w, "%s  %s in %s of %s\n", style.bold(clean(info.Name)),
		size(info.Size), count(info.Chunks, "chunk"), binarySize(info.ChunkSize))
	if err != nil {
		return err
	}
	t := newTable(toLeft, toLeft)
	t.row("id", info.ID.String())
	if len(info.Names) > 1 {
		t.row("names", strings.Join(info.Names, ", "))
	}
	for _, e := range info.Beside {
		t.row("beside", fmt.Sprintf("%s: another file, added at the same time at %s", e.Name, e.By.Short()))
	}
	t.row("added", ago(info.Added, now))
	t.row("here", extentOf(info.Present, info.Chunks))
	for _, place := range info.Places {
		if place.Kind == shoal.PlaceLinked {
			t.row("linked", place.Path)
		}
	}
	for _, c := range info.Kept {
		t.row("kept by "+peerName(c.Node, c.Name), kept(c))
	}
	for _, p := range info.Sources {
		t.row(peerName(p.Node, p.Name), extentOf(p.Chunks, p.Of))
	}
	if len(info.Sources) == 0 {
		t.row("peers", "none that is connected has it")
	}
	return t.print(w, "  ")
}

// kept is how much of a file a node keeps, and whether that is what it should.
func kept(c shoal.Copy) string {
	text := meter(c.Chunks, c.Of) + "  " + some(c.Chunks, c.Of, "chunk")
	switch {
	case c.Chunks < c.Should:
		text += ", and should keep " + number(c.Should)
	case c.Chunks > c.Should:
		text += ", " + number(c.Chunks-c.Should) + " more than it should"
	}
	return text
}

// extentOf is how much of a file is somewhere.
func extentOf(have, of int) string {
	if have == of {
		return meter(have, of) + "  all of it"
	}
	return meter(have, of) + "  " + some(have, of, "chunk")
}
