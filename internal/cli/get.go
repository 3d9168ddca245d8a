package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

// getOptions is what the flags of get say.
type getOptions struct {
	output  string
	force   bool
	timeout time.Duration
}

func newGet(a *app) *cobra.Command {
	var opts getOptions
	cmd := &cobra.Command{
		Use:   "get REF...",
		Short: "Get files from whoever has them",
		Long: "Get fetches files, many chunks from many nodes at once, checks every byte, and\n" +
			"prints where each file is. What was interrupted goes on where it stopped. Where no\n" +
			"node runs, one is started for the length of the command. A name that ends in a\n" +
			"slash means all files below it; the REF - reads REFs from stdin, one a line.",
		Example: examples(
			"shoal get 'shoal:9f86d0...'", "by link, into this folder",
			"shoal get big.iso -o /tmp/", "by name, into another",
			"shoal get photos/ -o .", "everything under a name",
			"shoal get 9f86d081 -o - | tar x", "to stdout; only checked bytes come out",
		),
		Args:              refCount(1, anyNumber),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, err := readRefs(args, a.stdin(cmd.Context()))
			if err != nil {
				return err
			}
			ctx, cancel := opts.deadline(cmd.Context())
			defer cancel()
			return resumable(a.get(ctx, refs, opts))
		},
	}
	cmd.Flags().StringVarP(&opts.output, "output", "o", "", "where to put it: a file, a folder, or - for stdout (default: this folder)")
	cmd.Flags().BoolVar(&opts.force, "force", false, "replace what is there already")
	spanFlag(cmd.Flags(), &opts.timeout, "timeout", 0, "give up after this long, such as 90s or 5m; what is here by then is kept")
	return cmd
}

// deadline applies --timeout.
func (o getOptions) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.timeout == 0 {
		return ctx, func() {}
	}
	cause := told{fmt.Sprintf("not done within %v", o.timeout), shoal.Network}
	return context.WithTimeoutCause(ctx, o.timeout, cause)
}

// resumable adds to an error that it is worth trying again.
func resumable(err error) error {
	switch {
	case err == nil || shoal.HintOf(err) != "":
		return err
	case shoal.CodeOf(err) == shoal.Interrupted || shoal.CodeOf(err) == shoal.Network:
		return shoal.WithHint(err, "what is here is kept: the same command goes on where this one stopped")
	}
	return err
}

// got is what get says of one file.
type got struct {
	shoal.Entry
	Path  string       `json:"path"`
	Stats *shoal.Stats `json:"stats,omitempty"`
}

func (a *app) get(ctx context.Context, refs []string, opts getOptions) error {
	if opts.output == "-" {
		if len(refs) != 1 || shoal.IsFolder(refs[0]) {
			return fmt.Errorf("-o - takes one file: %w", shoal.Usage)
		}
		a.screen.divert()
	}
	output, err := outputFor(refs, opts.output)
	if err != nil {
		return err
	}
	node, release, err := a.anyNode(ctx)
	if err != nil {
		return err
	}
	defer release()
	if opts.output == "-" {
		return a.copyOut(ctx, node, refs[0], byteRange{0, -1})
	}
	run := &getting{app: a, node: node, progress: a.screen.progress("getting", filesOf(refs))}
	run.outcome.screen = a.screen
	defer run.progress.end()
	for batch := range slices.Chunk(refs, shoal.MaxItems) {
		if err := run.send(ctx, batch, output, opts.force); err != nil {
			return err
		}
	}
	run.progress.end()
	return run.finish()
}

// filesOf is how many files refs mean; 0, for unknown, if folders are among
// them.
func filesOf(refs []string) int {
	if slices.ContainsFunc(refs, shoal.IsFolder) {
		return 0
	}
	return len(refs)
}

// outputFor is where the files go: an absolute path, with a slash at its end
// if it must be a folder.
func outputFor(refs []string, output string) (string, error) {
	if output == "-" {
		return "", nil
	}
	absolute, err := filepath.Abs(output)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(absolute)
	folder := output == "" || strings.HasSuffix(output, "/") || err == nil && info.IsDir()
	if several := len(refs) > 1 || shoal.IsFolder(refs[0]); several && !folder {
		if err == nil {
			return "", fmt.Errorf("%s is no folder, and there are several files to put there: %w", output, shoal.Usage)
		}
		folder = true
	}
	if folder && !strings.HasSuffix(absolute, "/") {
		absolute += "/"
	}
	return absolute, nil
}

// getting is one run of get.
type getting struct {
	*app
	node     shoal.Node
	progress *progress
	outcome  outcome
	last     got
}

// send has the node get one batch.
func (r *getting) send(ctx context.Context, refs []string, output string, force bool) error {
	request := shoal.GetRequest{Force: force}
	for _, ref := range refs {
		request.Items = append(request.Items, shoal.GetItem{Ref: ref, Output: output})
	}
	r.outcome.expect(len(refs))
	err := r.node.Get(ctx, request, func(e shoal.Event) {
		r.progress.see(e)
		switch {
		case e.Type == shoal.EventFailed:
			r.outcome.fail(failedName(e, refs), e.Err)
		case e.Type == shoal.EventDone && e.Entry != nil:
			r.last = got{Entry: *e.Entry, Path: e.Path, Stats: e.Stats}
			r.outcome.succeed(r.print(r.last))
		}
	})
	return r.outcome.after(ctx, err)
}

// failedName is what to call a file that could not be had.
func failedName(e shoal.Event, refs []string) string {
	if e.Name != "" || e.Item >= len(refs) {
		return e.Name
	}
	return refs[e.Item]
}

func (r *getting) print(result got) error {
	return r.screen.result(result, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, clean(nearby(result.Path)))
		return err
	})
}

// nearby is path as seen from the current folder, if it is below that.
func nearby(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if below, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(below) {
		return below
	}
	return path
}

// finish sums up.
func (r *getting) finish() error {
	done, _ := r.progress.tally.bytes()
	r.screen.sum.Bytes = done
	switch {
	case r.outcome.done == 1 && r.last.Stats != nil:
		r.screen.conclude("got %s%s", size(r.last.Size), account(*r.last.Stats))
	case r.outcome.done > 0:
		r.screen.conclude("got %s, %s in %s", count(r.outcome.done, "file"), size(done), span(r.env.Now().Sub(r.screen.began)))
	}
	return r.outcome.err()
}

// maxNamed is how many sources are named in one line.
const maxNamed = 4

// account says where a file's bytes came from, and how fast: in 20.1 s
// (212 MB/s): 2.1 GB from nas, 1.1 GB from pi4, 0.9 GB were here.
func account(s shoal.Stats) string {
	text := " in " + span(s.Elapsed)
	if seconds := s.Elapsed.Seconds(); seconds > 0 && s.Bytes > 0 {
		text += " (" + rate(float64(s.Bytes)/seconds) + ")"
	}
	var parts []string
	gave := slices.DeleteFunc(slices.Clone(s.Sources), func(source shoal.Source) bool { return source.Bytes == 0 })
	slices.SortFunc(gave, func(a, b shoal.Source) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for _, source := range gave[:min(len(gave), maxNamed)] {
		parts = append(parts, size(source.Bytes)+" from "+peerName(source.Node, source.Name))
	}
	if more := len(gave) - maxNamed; more > 0 {
		parts = append(parts, count(more, "more node"))
	}
	if s.Reused > 0 {
		parts = append(parts, size(s.Reused)+" was here")
	}
	if len(parts) == 0 {
		return text
	}
	return text + ": " + strings.Join(parts, ", ")
}
