package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"shoal"
)

// newHelp shows the help of a command. It is cobra's, but for a command that
// there is not: that is an error like others.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show how a command is used",
		GroupID: groupMore,
		RunE: func(_ *cobra.Command, args []string) error {
			command, rest, err := root.Find(args)
			if err != nil {
				return misuse(root, err)
			}
			if len(rest) > 0 {
				return misuse(command, fmt.Errorf("%s has no command %q: %w", command.CommandPath(), rest[0], shoal.Usage))
			}
			return command.Help()
		},
	}
}
