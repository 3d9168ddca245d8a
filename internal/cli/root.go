package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shoal"
)

// The groups in which the help lists the commands.
const (
	groupNode  = "node"
	groupFiles = "files"
	groupMore  = "more"
)

// newRoot is the command line without anything typed yet.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "shoal",
		Short: "Peer-to-peer file sharing that checks every byte",
		Long: "Shoal shares files between machines: what goes in at one node comes out at any\n" +
			"other, from many nodes at once, with every byte verified.",
		Example: examples(
			"shoal up", "start a node; leave it running",
			"shoal add holiday.mp4", "add a file; prints its id and a link",
			"shoal get 'shoal:9f86d0...'", "get it on another machine, by the link",
		),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.begin,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.data, "data", "", "data folder of the node (else $SHOAL_DATA, else $XDG_DATA_HOME/shoal)")
	flags.BoolVar(&a.flags.json, "json", false, "print JSON lines, each with a type: progress, result, error or summary")
	flags.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print no progress and no notices")
	flags.StringVar(&a.flags.logLevel, "log-level", "warn", "what a node logs to stderr: debug, info, warn or error")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{plain(err)} })
	root.AddGroup(
		&cobra.Group{ID: groupNode, Title: "The node:"},
		&cobra.Group{ID: groupFiles, Title: "Files:"},
		&cobra.Group{ID: groupMore, Title: "More:"},
	)
	root.SetHelpCommandGroupID(groupMore)
	root.SetHelpCommand(newHelp(root))
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupNode, newUp(a), newInvite(a), newNodes(a), newStatus(a), newPeers(a), newVerify(a), newRepair(a), newDoctor(a))
	add(groupFiles, newAdd(a), newGet(a), newCat(a), newLs(a), newFind(a), newInfo(a), newLink(a), newMv(a), newRm(a), newUndelete(a))
	add(groupMore, newCompletion(a), newVersion(a))
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(usageTemplate + exitCodes())
	return root
}

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

// usageTemplate is cobra's, less what every page would repeat.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

{{if .HasParent}}Flags{{else}}Flags of every command{{end}}:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

// exitCodes is the table of exit codes, for the help of the root.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("{{if not .HasParent}}\nExit codes:\n  0    done\n")
	for _, code := range shoal.Codes() {
		fmt.Fprintf(&b, "  %-4d %s\n", code.ExitCode(), code.Error())
	}
	b.WriteString("\nA REF is a file's id, the first 8 or more digits of it, a name, or a link.\n{{end}}")
	return b.String()
}

// examples lays out pairs of a command line and what it does.
func examples(pairs ...string) string {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len(pairs[i]))
	}
	var lines []string
	for i := 0; i < len(pairs); i += 2 {
		lines = append(lines, fmt.Sprintf("  %-*s  # %s", width, pairs[i], pairs[i+1]))
	}
	return strings.Join(lines, "\n")
}

// anyNumber is a most that is no bound for refCount.
const anyNumber = math.MaxInt

// refCount makes sure that a command has from least to most arguments, and that
// what it needs is not empty: an empty variable of a script's, not what it means.
// What they are is in its Use.
func refCount(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return missing(strings.Trim(strings.Fields(cmd.Use)[1+len(args)], ".[]"))
		case most == 0 && len(args) > 0:
			return fmt.Errorf("%s takes no %q: %w", cmd.CommandPath(), args[0], shoal.Usage)
		case len(args) > most:
			return fmt.Errorf("too many arguments, %d where at most %d can be: %w", len(args), most, shoal.Usage)
		case least > 0 && slices.Contains(args, ""):
			return fmt.Errorf("argument %d is empty: %w", 1+slices.Index(args, ""), shoal.Usage)
		}
		return nil
	}
}

// missing is the error that there is nothing where a word of the help stands.
func missing(word string) error {
	if word == "REF" || word == "PATH" {
		return fmt.Errorf("no file was named: %w", shoal.Usage)
	}
	return fmt.Errorf("%s is missing: %w", word, shoal.Usage)
}
