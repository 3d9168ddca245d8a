package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print what makes a shell complete commands and names",
		Long:  "Completion prints a script that makes a shell complete commands, flags, and the names of\nthe files on the running node.",
		Example: examples(
			"source <(shoal completion bash)", "in ~/.bashrc",
			"source <(shoal completion zsh)", "in ~/.zshrc",
			"shoal completion fish | source", "in config.fish",
		),
		Args:      refCount(0, 1),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			shell := ""
			if len(args) == 1 {
				shell = args[0]
			}
			script, err := completionScript(cmd.Root(), shell)
			if err != nil {
				return err
			}
			return a.screen.result(completion{shell, script}, func(w io.Writer) error {
				_, err := io.WriteString(w, script)
				return err
			})
		},
	}
}

type completion struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func completionScript(root *cobra.Command, shell string) (string, error) {
	var b bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&b, true)
	case "zsh":
		err = root.GenZshCompletion(&b)
	case "fish":
		err = root.GenFishCompletion(&b, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&b)
	default:
		err = fmt.Errorf("the shells are bash, zsh, fish and powershell, not %q: %w", shell, shoal.Usage)
	}
	return b.String(), err
}
