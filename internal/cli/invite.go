package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

func newInvite(a *app) *cobra.Command {
	var req shoal.InviteRequest
	var drawn drawing
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Make a ticket by which another machine joins",
		Long: "Invite prints a ticket: one word that lets a machine join this shoal, once, within a\n" +
			"day, if nothing else is said. Whoever has it can use it, so treat it as a password.\n" +
			"The machine joins through this node, which must be running then.\n\n" +
			"With --qr it is drawn as a QR code too, and with -q --qr alone, for a telephone to carry\n" +
			"over. Where there are no colours ($NO_COLOR, a file) it is drawn for a dark background.",
		Example: examples(
			"shoal invite", "on this machine",
			"shoal up --join TICKET", "on the other one; or put the ticket into $SHOAL_JOIN",
			"shoal invite --qr", "to be photographed",
			"shoal invite --uses 20 --expires 1h -q > ticket", "for a fleet",
		),
		Args: refCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if bool(drawn) && a.screen.json {
				return fmt.Errorf("--qr is for eyes, and --json is not: %w", shoal.Usage)
			}
			if err := checkInvite(req); err != nil {
				return err
			}
			return a.ask(func(node shoal.Node) error {
				made, err := node.Invite(cmd.Context(), req)
				if err != nil {
					return err
				}
				return a.screen.result(made, func(w io.Writer) error { return a.printInvite(w, made, drawn) })
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&req.Uses, "uses", 1, "how many machines may join with it")
	spanFlag(flags, &req.Expires, "expires", day, "how long it is good, such as 90m or 7d")
	flags.StringVar(&req.Role, "role", "member", "what they join as: member, reader (may only look and fetch) or admin")
	flags.BoolVar((*bool)(&drawn), "qr", false, "draw the ticket as a QR code too")
	return cmd
}

// checkInvite refuses a ticket that would let nobody in. To a node, none is the usual.
func checkInvite(req shoal.InviteRequest) error {
	switch {
	case req.Uses < 1:
		return fmt.Errorf("--uses %d: a ticket lets in at least one machine: %w", req.Uses, shoal.Usage)
	case req.Expires < time.Second:
		return fmt.Errorf("--expires %v: a ticket is good for a second at least: %w", req.Expires, shoal.Usage)
	}
	return nil
}

// drawing is whether a ticket is shown as a QR code too.
type drawing bool

// printInvite shows a ticket: in words, unless it is to be quietly drawn.
func (a *app) printInvite(w io.Writer, made shoal.Invite, drawn drawing) error {
	var err error
	switch {
	case !a.screen.quiet:
		_, err = fmt.Fprintf(w, "On the other machine:\n\n  %s\n\nThe ticket lets in %s as %s, until %s.\n",
			a.screen.outStyle.bold("shoal up --join "+made.Ticket), count(made.Uses, "machine"), made.Role, made.Expires.Local().Format("2006-01-02 15:04"))
	case !bool(drawn):
		_, err = fmt.Fprintln(w, made.Ticket)
	}
	if err != nil || !bool(drawn) {
		return err
	}
	return a.screen.code(w, made.Ticket)
}
