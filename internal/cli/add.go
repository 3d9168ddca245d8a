package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"shoal"
	"shoal/internal/catalog/merge"
)

func newAdd(a *app) *cobra.Command {
	var chunkSize, wait, name string
	var link bool
	var copies int
	cmd := &cobra.Command{
		Use:   "add PATH...",
		Short: "Add files and folders to the node",
		Long: "Add takes files into the node and prints the id and name of each and, for one\n" +
			"file alone, the link by which others get it. Folders are taken with all that is\n" +
			"in them; symbolic links and devices in them are not. The PATH - is stdin.",
		Example: examples(
			"shoal add holiday.mp4", "one file: prints its id, name and link",
			"shoal add photos/", "a folder; its files are photos/...",
			"shoal add --link big.iso", "share it where it lies, without a copy",
			"id=$(shoal add -q big.iso)", "the id alone, for scripts",
			"tar c src | shoal add - --name src.tar", "what comes from stdin",
		),
		Args: refCount(1, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error {
			size, err := parseChunkSize(chunkSize)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("copies") {
				copies = 0 // the usual
			} else if copies < 1 || copies > merge.MaxCopies {
				return fmt.Errorf("--copies %d: from 1 to %d can be kept: %w", copies, merge.MaxCopies, shoal.Usage)
			}
			if err := checkName(args, name, link); err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error {
				return a.addNamed(cmd.Context(), node, args, name, shoal.AddRequest{ChunkSize: size, Link: link, Copies: copies, Wait: shoal.Wait(wait)})
			})
		},
	}
	cmd.Flags().StringVar(&chunkSize, "chunk-size", "", "cut files into chunks of this SIZE, a power of two from 1KiB to 32MiB (default: by file size)")
	cmd.Flags().BoolVar(&link, "link", false, "use the files where they lie instead of copying them; they must not change")
	cmd.Flags().IntVar(&copies, "copies", 2, "how many copies to keep, each on a node of its own; with --link none unless asked for")
	cmd.Flags().StringVar(&name, "name", "", "what to call the one PATH that is added (default: the last part of it)")
	cmd.Flags().StringVar(&wait, "wait", "", "what to wait for: safe (two copies on disks), local (one here); without it, safe where there are two nodes")
	return cmd
}

// added is what add says of one file.
type added struct {
	shoal.Entry
	Now  int         `json:"copies_now,omitempty"`      // copies there are, if they were waited for
	Can  int         `json:"copies_possible,omitempty"` // copies there are nodes for, if more are wanted
	Link *shoal.Link `json:"link,omitempty"`            // of a file added alone
}

// adding is one run of add.
type adding struct {
	*app
	node     shoal.Node
	request  shoal.AddRequest // less its items
	progress *progress
	outcome  outcome
	alone    *shoal.Entry // the file, if it is the only one
	copies   int          // of that file
	keepers  int          // nodes that hold chunks; 0 if that is not known
	below    error        // why files are not as safe as they should be yet
}

// add adds files, in batches as large as a node takes.
func (a *app) add(ctx context.Context, node shoal.Node, files iter.Seq2[shoal.AddItem, error], request shoal.AddRequest) error {
	run := &adding{app: a, node: node, request: request, progress: a.screen.progress("adding", 0)}
	run.outcome.screen = a.screen
	defer run.progress.end()
	run.keepers = keepers(ctx, node)
	if run.short(request.Copies) {
		run.screen.notice("%d copies are wanted, and there are nodes for %d: the others are made when more nodes join", request.Copies, run.keepers)
	}
	began := a.env.Now()
	var batch []shoal.AddItem
	for item, err := range files {
		if err != nil {
			run.outcome.fail(item.Path, err)
			continue
		}
		if len(batch) == shoal.MaxItems {
			if err := run.send(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		batch = append(batch, item)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(batch) > 0 {
		run.progress.tally.items = run.outcome.expected + len(batch) // known only now
		if err := run.send(ctx, batch); err != nil {
			return err
		}
	}
	run.progress.end()
	return run.finish(ctx, began)
}

// send has the node add one batch.
func (r *adding) send(ctx context.Context, batch []shoal.AddItem) error {
	alone := len(batch) == 1 && r.outcome.expected == 0
	r.outcome.expect(len(batch))
	request := r.request
	request.Items = batch
	err := r.node.Add(ctx, request, func(e shoal.Event) {
		r.progress.see(e)
		switch {
		case e.Type == shoal.EventFailed:
			r.outcome.fail(batch[e.Item].Path, e.Err)
		case e.Type != shoal.EventDone || e.Entry == nil:
		case alone:
			r.alone, r.copies = e.Entry, e.Copies
		default:
			r.outcome.succeed(r.print(r.added(*e.Entry, e.Copies)))
		}
	})
	if errors.Is(err, shoal.BelowCopies) {
		r.below = err
		err = nil
	}
	return r.outcome.after(ctx, err)
}

// finish prints what is told only at the end.
func (r *adding) finish(ctx context.Context, began time.Time) error {
	if r.outcome.expected+r.outcome.failures == 0 {
		r.screen.conclude("nothing was added: no file is there")
	}
	if r.alone != nil {
		result := r.added(*r.alone, r.copies)
		if link, err := r.node.Link(ctx, r.alone.ID.String()); err == nil {
			result.Link = &link
		}
		r.outcome.succeed(r.print(result))
	}
	if done, _ := r.progress.tally.bytes(); r.outcome.done > 0 {
		r.screen.sum.Bytes = done
		r.screen.conclude("added %s, %s in %s", count(r.outcome.done, "file"), size(done), span(r.env.Now().Sub(began)))
	}
	if err := r.outcome.err(); err != nil || r.below != nil {
		return cmp.Or(err, r.below)
	}
	if r.short(r.request.Copies) {
		return nil // it has been told
	}
	if status, err := r.node.Status(ctx); err == nil && status.Safety.State == "too few nodes" {
		r.screen.conclude("%s", status.Safety.Text)
	}
	return nil
}

// keepers is how many nodes of the shoal are to hold chunks; 0 if that is not to
// be had, which is no reason to add nothing.
func keepers(ctx context.Context, node shoal.Node) (count int) {
	nodes, _ := node.Nodes(ctx)
	for _, m := range nodes {
		if m.State == "active" && m.Role != "reader" && m.Allotment > 0 {
			count++
		}
	}
	return count
}

// short reports whether there are too few nodes for so many copies.
func (r *adding) short(copies int) bool { return r.keepers > 0 && copies > r.keepers }

// added is what is said of an entry.
func (r *adding) added(e shoal.Entry, now int) added {
	result := added{Entry: e, Now: now}
	if r.short(e.Copies) {
		result.Can = r.keepers
	}
	return result
}

func (r *adding) print(result added) error {
	return r.screen.result(result, func(w io.Writer) error {
		if r.screen.quiet {
			_, err := fmt.Fprintln(w, result.ID)
			return err
		}
		_, err := fmt.Fprintf(w, "%s  %s\n", result.ID, clean(result.Name))
		if err == nil && result.Link != nil {
			_, err = fmt.Fprintln(w, result.Link)
		}
		return err
	})
}
