package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [REF]",
		Short: "Read and check every byte on the node",
		Long: "Verify reads every chunk on this node, of one file or of all, and checks it. A chunk\n" +
			"that has rotted is listed, and counts as absent from then on, so that getting the\n" +
			"file again fetches that chunk alone. Listed is also what this node should keep and has\n" +
			"not; if that is all, the exit code is 4.",
		Example: examples(
			"shoal verify", "everything",
			"shoal verify big.iso", "one file",
		),
		Args:              refCount(0, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref := ""
			if len(args) == 1 {
				ref = args[0]
			}
			return a.ask(func(node shoal.Node) error { return a.verify(cmd.Context(), node, ref) })
		},
	}
}

func (a *app) verify(ctx context.Context, node shoal.Node, ref string) error {
	files := 1
	if ref == "" {
		status, err := node.Status(ctx)
		if err != nil {
			return err
		}
		files = status.Files + status.Trash
	}
	p := a.screen.progress("verifying", files)
	defer p.end()
	report, err := node.Verify(ctx, ref, p.see)
	p.end()
	for _, rot := range report.Rotten {
		werr := a.screen.result(rot, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "rotten  chunk %d of %s (%s)\n", rot.Index, clean(nameOf(rot.File, rot.Name)), placeName(rot.Place))
			return err
		})
		if werr != nil {
			return werr
		}
	}
	for _, lack := range report.Missing {
		werr := a.screen.result(lack, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "missing %s of %s\n", some(lack.Chunks, lack.Of, "chunk"), clean(nameOf(lack.File, lack.Name)))
			return err
		})
		if werr != nil {
			return werr
		}
	}
	a.screen.sum.Bytes = report.Bytes
	if found := len(report.Rotten) + len(report.Missing); a.screen.json && (err == nil || found > 0) {
		if werr := a.screen.result(verified{report.Files, report.Chunks, report.Bytes, len(report.Rotten), len(report.Missing)}, nil); werr != nil {
			return werr
		}
	}
	switch {
	case len(report.Rotten) > 0 && errors.Is(err, shoal.Integrity):
		return shoal.WithHint(err, "the rotten chunks count as absent now: shoal get the files again to mend them")
	case err != nil:
		return err
	}
	a.screen.conclude("all is well: %s, %s, %s", count(report.Files, "file"), count(report.Chunks, "chunk"), size(report.Bytes))
	return nil
}

// verified is the account of a verify, beside a line for each rotten chunk and
// each file that is missing.
type verified struct {
	Files   int   `json:"files"`
	Chunks  int   `json:"chunks"`
	Bytes   int64 `json:"bytes"`
	Rotten  int   `json:"rotten"`
	Missing int   `json:"missing"` // files
}

func nameOf(id shoal.FileID, name string) string {
	if name == "" {
		return id.Short()
	}
	return name
}

func placeName(p shoal.Place) string {
	if p.Kind == shoal.PlaceLinked {
		return p.Path
	}
	return "in the store"
}
