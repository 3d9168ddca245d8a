package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

func newDoctor(a *app) *cobra.Command {
	var rebuild, moved, renew bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do",
		Long: "Doctor checks the data folder, the disk, the clock and, if it runs, the node. It\n" +
			"changes nothing, unless --rebuild mends what is damaged: it makes the index anew from\n" +
			"what lies in the store, and saves what can be read of the rest; --new-identity makes\n" +
			"the node of a copied folder, or of one whose identity is lost, one of its own, which\n" +
			"has to join again and keeps its chunks; or --moved says that a folder that was copied\n" +
			"or restored is the node's only one now, and that none of the others can tell what it\n" +
			"has said since. For these the node must not run.",
		Example: examples(
			"shoal doctor", "is anything wrong?",
			"shoal doctor --rebuild", "when it says that something is damaged",
			"shoal doctor --new-identity", "in a copied data folder; then: shoal up --join TICKET",
		),
		Args: refCount(0, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			repair := LookOnly
			switch {
			case rebuild && renew, rebuild && moved, renew && moved:
				return fmt.Errorf("--rebuild, --moved and --new-identity are done one after the other: %w", shoal.Usage)
			case rebuild:
				repair = RebuildIndex
			case moved:
				repair = TakeForMoved
			case renew:
				repair = NewIdentity
			}
			return a.doctor(cmd.Context(), repair)
		},
	}
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "mend what is damaged; the node must not run")
	cmd.Flags().BoolVar(&moved, "moved", false, "say that a folder that was copied or restored is the node's only one now; it must not run")
	cmd.Flags().BoolVar(&renew, "new-identity", false, "make the node of a copied folder one of its own; it must not run")
	return cmd
}

// doctor prints what it finds as it finds it. Any problem is an error at the
// end.
func (a *app) doctor(ctx context.Context, repair Repair) error {
	data, err := a.dataFolder()
	if err != nil {
		return err
	}
	findings, err := a.examine(ctx, data, repair)
	if err != nil {
		return err
	}
	problems := 0
	for _, f := range findings {
		if !f.OK {
			problems++
		}
		if err := a.screen.result(f, func(w io.Writer) error { return printFinding(w, a.screen.outStyle, f) }); err != nil {
			return err
		}
	}
	if problems > 0 {
		return told{fmt.Sprintf("%s found", count(problems, "problem")), shoal.Other}
	}
	a.screen.conclude("all is well")
	return nil
}

// examine makes the checks that fit: with a node, what it says of itself;
// without one, what lies in its folder.
func (a *app) examine(ctx context.Context, data string, repair Repair) ([]Finding, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	status, err := c.Status(ctx)
	running := shoal.CodeOf(orNil(err)) != shoal.NoNode
	if running && repair != LookOnly {
		return nil, shoal.WithHint(fmt.Errorf("nothing can be changed while a node runs on %s: %w", data, shoal.Exists),
			"stop the node first, then try again")
	}
	findings := []Finding{clockFinding(a.env.Now(), data)}
	switch {
	case running && err != nil:
		return append(findings, problem("a node runs, but does not answer: "+err.Error(), cmp.Or(shoal.HintOf(err), "stop it and start it again: shoal up"))), nil
	case running:
		return append(append(findings, folderFinding(data)), nodeFindings(ctx, status)...), nil
	}
	findings = append(findings, well("no node is running"))
	offline, err := a.env.Doctor(ctx, data, repair)
	if err != nil {
		return nil, err
	}
	return append(findings, offline...), nil
}

// orNil makes a nil error one that has a code.
func orNil(err error) error {
	if err == nil {
		return shoal.Other
	}
	return err
}

func well(text string) Finding          { return Finding{OK: true, Text: text} }
func problem(text, hint string) Finding { return Finding{Text: text, Hint: hint} }

func printFinding(w io.Writer, style style, f Finding) error {
	mark := style.good("ok     ")
	if !f.OK {
		mark = style.bad("problem")
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", mark, clean(f.Text))
	if err == nil && f.Hint != "" {
		_, err = fmt.Fprintln(w, "         "+style.dim("hint: "+clean(f.Hint)))
	}
	return err
}

// folderFinding looks at who may read the data folder.
func folderFinding(data string) Finding {
	info, err := os.Stat(data)
	switch {
	case err != nil:
		return problem("the data folder cannot be looked at: "+err.Error(), "check who owns "+filepath.Dir(data))
	case !info.IsDir():
		return problem(data+" is not a folder", "name another data folder with --data")
	case info.Mode().Perm()&0o077 != 0:
		return problem(fmt.Sprintf("others may look into the data folder (mode %04o)", info.Mode().Perm()), "chmod 700 "+data)
	}
	return well("the data folder is its owner's alone: " + data)
}

// clockFinding compares the clock with the data folder, which cannot have been
// changed after now.
func clockFinding(now time.Time, data string) Finding {
	info, err := os.Stat(data)
	if err == nil && info.ModTime().After(now.Add(time.Minute)) {
		return problem("the clock is behind: the data folder was changed "+ago(info.ModTime(), now), "set the clock, for instance with NTP")
	}
	return well("the clock says " + now.Format(time.RFC1123))
}
