package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

// maxRefs bounds how many refs one command takes from stdin.
const maxRefs = 1 << 20

// readRefs replaces the ref "-" by the lines of stdin: one ref a line, without
// the blanks around it; empty lines are none.
func readRefs(args []string, stdin io.Reader) ([]string, error) {
	var refs []string
	for _, arg := range args {
		if arg != "-" {
			refs = append(refs, arg)
			continue
		}
		lines := bufio.NewScanner(stdin)
		lines.Buffer(nil, shoal.MaxLinkLength+1)
		for lines.Scan() {
			if ref := strings.TrimSpace(lines.Text()); ref != "" {
				refs = append(refs, ref)
			}
			if len(refs) > maxRefs {
				return nil, fmt.Errorf("more than %d files at once: %w", maxRefs, shoal.Usage)
			}
		}
		if err := lines.Err(); shoal.CodeOf(err) == shoal.Interrupted {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("read refs from stdin: %w: %w", err, shoal.Usage)
		}
	}
	if len(refs) == 0 {
		return nil, fmt.Errorf("stdin names no file: %w", shoal.Usage)
	}
	return refs, nil
}

const (
	// completeWithin bounds how long a shell waits for the names it offers.
	completeWithin = 500 * time.Millisecond

	// completeMost is how many names a shell is offered.
	completeMost = 200
)

// completeRefs offers the names on the running node to a shell.
func (a *app) completeRefs(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	var names []string
	_ = a.ask(func(node shoal.Node) error { // without a node there is nothing to offer
		entries, err := node.List(ctx, shoal.ListRequest{Prefix: typed, Limit: completeMost})
		for _, e := range entries {
			names = append(names, e.Name+"\t"+size(e.Size))
		}
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
