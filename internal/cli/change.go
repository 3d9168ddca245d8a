package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"shoal"
)

// change is something done to one file after another.
type change struct {
	done string // what it is then, such as removed
	do   func(ctx context.Context, ref string) (shoal.Entry, error)
}

// change does something to every file that refs mean. What fails for one does not
// stop the others.
func (a *app) change(ctx context.Context, node shoal.Node, refs []string, c change) error {
	refs, err := below(ctx, node, refs)
	if err != nil {
		return err
	}
	sum := outcome{screen: a.screen}
	sum.expect(len(refs))
	for _, ref := range refs {
		entry, err := c.do(ctx, ref)
		switch {
		case err == nil:
			sum.succeed(a.screen.result(entry, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s  %s\n", entry.ID, clean(entry.Name))
				return err
			}))
		case ctx.Err() != nil || shoal.CodeOf(err) == shoal.NoNode:
			return err
		default:
			sum.fail(ref, err)
		}
	}
	if sum.done > 0 {
		a.screen.conclude("%s %s", c.done, count(sum.done, "file"))
	}
	return sum.err()
}

// below replaces the refs that end in a slash by the names below them.
func below(ctx context.Context, node shoal.Node, refs []string) ([]string, error) {
	var all []string
	for _, ref := range refs {
		if !meansFolder(ref) {
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

// meansFolder reports whether a ref means all that is below a name.
func meansFolder(ref string) bool { return strings.HasSuffix(ref, "/") && !shoal.IsLink(ref) }
