package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal"
)

func newNodes(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "List the nodes of the shoal, or change one",
		Long: "Nodes lists who belongs to the shoal, who is up, and how much each has to give. A NODE\n" +
			"is named as the list shows it, by its id, or by the end of that.",
		Example: examples(
			"shoal nodes", "who is there?",
			"shoal nodes maintenance attic 30m", "it will be away: copy nothing",
			"shoal nodes drain --wait attic", "take its chunks elsewhere; then: shoal nodes remove attic",
			"shoal nodes revoke attic", "it was stolen: cut it off, for good",
		),
		Args: refCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(func(node shoal.Node) error { return a.listNodes(cmd.Context(), node) })
		},
	}
	cmd.AddCommand(newDrain(a), newRemove(a))
	for _, change := range []struct{ use, short, state string }{
		{"activate NODE", "Have a node hold chunks again after drain or remove", "active"},
		{"revoke NODE", "Cut a node off at once and for good, and void what it says from now on", "revoked"},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: change.use, Short: change.short, Args: refCount(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.setNode(cmd.Context(), args[0], shoal.NodeChange{State: change.state})
			},
		})
	}
	cmd.AddCommand(&cobra.Command{
		Use: "maintenance NODE FOR", Short: "Say that a node will be away for a while, such as 30m, so that nothing is copied; 0 ends it",
		Args: refCount(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			span, err := parseSpan(args[1])
			if err != nil {
				return err
			}
			return a.setNode(cmd.Context(), args[0], shoal.NodeChange{Maintenance: &span})
		},
	}, &cobra.Command{
		Use: "role NODE ROLE", Short: "Make a node a reader, member or admin", Args: refCount(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setNode(cmd.Context(), args[0], shoal.NodeChange{Role: args[1]})
		},
	})
	return cmd
}

func newDrain(a *app) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "drain NODE", Short: "Have others take over what a node holds", Args: refCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.setNode(cmd.Context(), args[0], shoal.NodeChange{State: "draining"})
			if err != nil || !wait {
				return err
			}
			return a.ask(func(node shoal.Node) error { return a.awaitEmpty(cmd.Context(), node, args[0]) })
		},
	}
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until others have all that it has")
	return cmd
}

// drainPoll is how often it is looked whether a node is empty.
const drainPoll = 500 * time.Millisecond

// awaitEmpty waits until a node that drains is needed no more, or will be for as
// long as there are no more nodes.
func (a *app) awaitEmpty(ctx context.Context, node shoal.Node, ref string) error {
	for {
		nodes, err := node.Nodes(ctx)
		if err != nil {
			return err
		}
		for _, m := range nodes {
			switch mine := m.Name == ref || strings.HasSuffix(string(m.ID), ref); {
			case mine && m.Empty:
				a.screen.conclude("%s is empty: others have all that it has", clean(m.Name))
				return nil
			case mine && m.Needed:
				return stillNeeded(ctx, node, clean(m.Name))
			}
		}
		select {
		case <-time.After(drainPoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stillNeeded says why a node that drains cannot be done without.
func stillNeeded(ctx context.Context, node shoal.Node, name string) error {
	status, err := node.Status(ctx)
	if err != nil {
		return err
	}
	return shoal.WithHint(fmt.Errorf("others have taken over what they can, and %s is still needed for the copies that are wanted: %w", name, shoal.BelowCopies),
		fmt.Sprintf("%s Or `shoal nodes remove --force %s`, and some files have fewer copies", status.Safety.Text, name))
}

func newRemove(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "remove NODE", Short: "Take a node out of the shoal; a new ticket lets it in again", Args: refCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setNode(cmd.Context(), args[0], shoal.NodeChange{State: "removed", Force: force})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "although others have not all that it keeps")
	return cmd
}

func (a *app) setNode(ctx context.Context, ref string, change shoal.NodeChange) error {
	return a.ask(func(node shoal.Node) error {
		member, err := node.SetNode(ctx, ref, change)
		if err != nil {
			return err
		}
		return a.screen.result(member, func(w io.Writer) error {
			text := standing(member, a.env.Now()) + " now"
			if change.Role != "" {
				text = article(member.Role) + " " + member.Role + " now"
			}
			_, err := fmt.Fprintf(w, "%s is %s\n", clean(member.Name), text)
			return err
		})
	})
}

func (a *app) listNodes(ctx context.Context, node shoal.Node) error {
	nodes, err := node.Nodes(ctx)
	if err != nil {
		return err
	}
	now := a.env.Now()
	t := newTable(toLeft, toLeft, toLeft, toLeft, toLeft, toRight, toRight)
	t.row("NAME", "ID", "ROLE", "STATE", "HEALTH", "GIVES", "FREE")
	for _, m := range nodes {
		err := a.screen.result(m, func(io.Writer) error {
			t.row(clean(m.Name), m.ID.Short(), m.Role, standing(m, now), health(m, now), room(m.Allotment), room(m.Free))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if a.screen.json {
		return nil
	}
	return t.print(a.screen.stdout, "")
}

// article is what stands before a noun.
func article(noun string) string {
	if noun != "" && strings.Contains("aeiou", noun[:1]) {
		return "an"
	}
	return "a"
}

// standing is a node's state for a person.
func standing(m shoal.Member, now time.Time) string {
	if m.Empty {
		return m.State + ", empty"
	}
	if m.Needed {
		return m.State + ", needed"
	}
	if now.Before(m.Maintenance) {
		return m.State + ", in maintenance for " + span(max(m.Maintenance.Sub(now).Round(time.Minute), time.Minute))
	}
	return m.State
}

// health is whether a node is up, and since when it is not.
func health(m shoal.Member, now time.Time) string {
	switch {
	case m.Health == "self":
		return "up (this node)"
	case m.Health == "down" && !m.Since.IsZero():
		return "down for " + span(now.Sub(m.Since))
	}
	return m.Health
}

// room is bytes, or a dash for none.
func room(bytes int64) string {
	if bytes <= 0 {
		return "-"
	}
	return size(bytes)
}
