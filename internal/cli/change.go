package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"shoal"
)

// change is something done to one file after another.
type change struct {
	done string // what it is then, such as removed
	item func(ref string) shoal.ChangeItem
}

// change does something to every file that refs mean, as many at a time as a node
// takes. What fails for one does not stop the others.
func (a *app) change(ctx context.Context, node shoal.Node, refs []string, c change) error {
	refs, err := below(ctx, node, refs)
	if err != nil {
		return err
	}
	sum := outcome{screen: a.screen}
	for batch := range slices.Chunk(refs, shoal.MaxItems) {
		sum.expect(len(batch))
		var req shoal.ChangeRequest
		for _, ref := range batch {
			req.Items = append(req.Items, c.item(ref))
		}
		err := node.Change(ctx, req, func(e shoal.Event) {
			switch {
			case e.Type == shoal.EventFailed:
				sum.fail(batch[e.Item], e.Err)
			case e.Type == shoal.EventDone && e.Entry != nil:
				sum.succeed(a.changed(*e.Entry))
			}
		})
		if err := sum.after(ctx, err); err != nil {
			return err
		}
	}
	if sum.done > 0 {
		a.screen.conclude("%s %s", c.done, count(sum.done, "file"))
	}
	return sum.err()
}

// changed prints a file that was changed.
func (a *app) changed(e shoal.Entry) error {
	return a.screen.result(e, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s  %s\n", e.ID, clean(e.Name))
		return err
	})
}

// below replaces the refs that end in a slash by the names below them.
func below(ctx context.Context, node shoal.Node, refs []string) ([]string, error) {
	var all []string
	for _, ref := range refs {
		if !shoal.IsFolder(ref) {
			all = append(all, ref)
			continue
		}
		found := len(all)
		for e, err := range entries(ctx, node, ref) {
			if err != nil {
				return nil, err
			}
			all = append(all, e.Name)
		}
		if len(all) == found {
			return nil, shoal.WithHint(fmt.Errorf("nothing is below %s: %w", ref, shoal.NotFound), "see what there is with shoal ls")
		}
	}
	return all, nil
}
