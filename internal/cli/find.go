package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal"
	"shoal/internal/storage/quota"
)

func newFind(a *app) *cobra.Command {
	var f finding
	cmd := &cobra.Command{
		Use:   "find [WORD]...",
		Short: "Search the names of all files",
		Long: "Find prints the names that have all WORDs in them, in any case, the latest added first.\n" +
			"A WORD alone with a * at its end is what a name, or its last part, starts with.",
		Example: examples(
			"shoal find holiday 2024", "both words, anywhere in the name",
			"shoal find 'IMG_*' --type jpg --type png", "pictures whose names start so",
			"shoal find --size +1GB --since 7d -l", "what is large and new",
		),
		Args: refCount(0, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := f.request(args, a.env.Now())
			if err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error { return a.find(cmd.Context(), node, req, f) })
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.types, "type", "t", nil, "the ending of the name, such as pdf; may be given again for another")
	flags.StringArrayVarP(&f.sizes, "size", "s", nil, "+SIZE for at least that much, -SIZE for at most; may be given again")
	flags.StringVar(&f.since, "since", "", "added no longer ago than that, such as 36h or 7d, or since a day, such as 2026-01-31")
	flags.IntVarP(&f.limit, "limit", "n", 0, "at most so many (default: all)")
	flags.BoolVarP(&f.long, "long", "l", false, "with size, age and id")
	return cmd
}

// finding is what a person says about what to find.
type finding struct {
	types, sizes []string
	since        string
	limit        int
	long         bool
}

func (f finding) request(words []string, now time.Time) (shoal.SearchRequest, error) {
	req := shoal.SearchRequest{Text: strings.Join(words, " "), Types: f.types}
	if f.limit < 0 {
		return req, fmt.Errorf("--limit %d is less than none: %w", f.limit, shoal.Usage)
	}
	for _, text := range f.sizes {
		bound := &req.MinSize
		switch {
		case strings.HasPrefix(text, "-"):
			bound = &req.MaxSize
		case !strings.HasPrefix(text, "+"):
			return req, shoal.WithHint(fmt.Errorf("--size %q begins with neither + nor -: %w", text, shoal.Usage), "say +10MB for at least that, or -10MB for at most")
		}
		size, err := quota.ParseSize(text[1:])
		if err != nil {
			return req, fmt.Errorf("--size: %w", err)
		}
		*bound = size
	}
	var err error
	req.Since, err = parseSince(f.since, now)
	return req, err
}

// parseSince reads a span before now, or a day; nothing is the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return at, nil
	}
	span, err := parseSpan(text)
	if err != nil {
		return time.Time{}, shoal.WithHint(fmt.Errorf("--since %q is neither a span nor a day: %w", text, shoal.Usage), "say 36h, 7d or 2026-01-31")
	}
	return now.Add(-span), nil
}

// find prints what a search finds, page by page.
func (a *app) find(ctx context.Context, node shoal.Node, req shoal.SearchRequest, f finding) error {
	for found := 0; ; {
		if f.limit > 0 {
			req.Limit = min(f.limit-found, shoal.MaxList)
		}
		page, err := node.Search(ctx, req)
		if err != nil {
			return err
		}
		if err := a.listPage(page.Entries, f.long); err != nil {
			return err
		}
		found += len(page.Entries)
		if req.After = page.Next; req.After == "" || f.limit > 0 && found >= f.limit {
			break
		}
	}
	if a.screen.sum.Results == 0 {
		a.screen.conclude("nothing was found")
	}
	return nil
}
