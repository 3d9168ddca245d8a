package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"shoal"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say how the node is",
		Long:    "Status says in a sentence how things are, and then in numbers.",
		Example: examples("shoal status", "is all well?"),
		Args:    refCount(0, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(func(node shoal.Node) error {
				status, err := node.Status(cmd.Context())
				if err != nil {
					return err
				}
				return a.screen.result(status, func(w io.Writer) error { return printStatus(w, a.screen.outStyle, status) })
			})
		},
	}
}

func printStatus(w io.Writer, style style, s shoal.Status) error {
	if _, err := fmt.Fprintln(w, verdict(s, style)+"\n"); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w, clean(s.Safety.Text)+"\n"); err != nil {
		return err
	}
	t := newTable(toLeft, toLeft)
	t.row("peer id", string(s.ID))
	for i, door := range doors(s.Listen) {
		t.row(unless(i > 0, "listening"), door)
	}
	t.row("data", fmt.Sprintf("%s (%s free)", s.Data, size(s.DiskFree)))
	t.row("stored", stored(s))
	if s.Linked > 0 {
		t.row("linked", size(s.Linked)+" of files used where they lie")
	}
	if s.Conflicts > 0 {
		t.row("conflicts", count(s.Conflicts, "name")+" given to several files at once: shoal ls has each of these, shoal info says more")
	}
	t.row("checked", checked(s.Scrub))
	t.row("now", fmt.Sprintf("%s running, %s being served", count(s.Transfers, "transfer"), count(s.Sessions, "peer")))
	t.row("up", fmt.Sprintf("%s, version %s", span(s.Uptime), s.Version))
	return t.print(w, "  ")
}

// verdict is the state in a sentence, or a line for each trouble.
func verdict(s shoal.Status, style style) string {
	name := s.Name
	if name == "" {
		name = s.ID.Short()
	}
	name = style.bold(clean(name))
	if len(s.Trouble) > 0 {
		return name + " is in trouble: " + style.bad(clean(strings.Join(s.Trouble, "; ")))
	}
	has := "has " + count(s.Files, "file")
	switch {
	case s.Trash > 0:
		has += " and " + humanize.Comma(int64(s.Trash)) + " in the trash"
	case s.Files == 0:
		has = "has no files yet"
	}
	return fmt.Sprintf("%s is %s: it %s, and is connected to %s.", name, style.good("up"), has, count(s.Peers, "peer"))
}

// checked is how the reading again of all that is here goes.
func checked(s shoal.Scrub) string {
	text := "never by itself (shoal up --scrub)"
	if s.Period > 0 {
		text = fmt.Sprintf("%.0f %% in the last %s", 100*s.Coverage, days(s.Period))
	}
	if s.Rotten > 0 {
		text += fmt.Sprintf("; %s had rotted since the start, %d repaired", count(s.Rotten, "chunk"), s.Repaired)
	}
	return text
}

// days is a span in whole days, if it is some.
func days(d time.Duration) string {
	if d < 2*day {
		return span(d)
	}
	return count(int(d/day), "day")
}

// stored is how much is in the store, and of how much.
func stored(s shoal.Status) string {
	switch {
	case storesNothing(s):
		return size(s.Stored) + ", and nothing more (--capacity 0)"
	case s.Capacity == 0:
		return size(s.Stored) + ", up to what the disk has"
	}
	return fmt.Sprintf("%s  %s of %s", meter(int(s.Stored/1000), int(s.Capacity/1000)), size(s.Stored), size(s.Capacity))
}

// unless is text, or nothing where the condition holds.
func unless(condition bool, text string) string {
	if condition {
		return ""
	}
	return text
}
