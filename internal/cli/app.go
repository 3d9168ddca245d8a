package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shoal"
	"shoal/internal/client"
)

// socketName is the socket by which a node is asked, in its data folder.
const socketName = "api.sock"

// app is one run of the command line: what all commands share.
type app struct {
	env    Env
	screen *screen
	flags  struct {
		data     string
		json     bool
		quiet    bool
		logLevel string
	}
	begun bool // whether a command's own work has begun: before, every error is one of usage
}

func newApp(env Env) *app {
	return &app{env: env, screen: newScreen(env)}
}

// begin runs before every command's own work.
func (a *app) begin(*cobra.Command, []string) error {
	a.begun = true
	a.screen.json, a.screen.quiet = a.flags.json, a.flags.quiet
	_, err := a.logger()
	return err
}

// dataFolder is the absolute path of the data folder: what --data says, or
// SHOAL_DATA, or the place of the XDG base directory specification, which
// says that a relative path in its variables is to be ignored.
func (a *app) dataFolder() (string, error) {
	for _, path := range []string{a.flags.data, a.env.Getenv("SHOAL_DATA")} {
		if path != "" {
			return filepath.Abs(path)
		}
	}
	if base := a.env.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "shoal"), nil
	}
	if home := a.env.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "shoal"), nil
	}
	return "", shoal.WithHint(
		fmt.Errorf("there is no home folder to keep the data in: %w", shoal.Usage),
		"name a data folder with --data or SHOAL_DATA",
	)
}

// client is the node that runs on the data folder.
func (a *app) client() (*client.Client, error) {
	data, err := a.dataFolder()
	if err != nil {
		return nil, err
	}
	return client.New(filepath.Join(data, socketName)), nil
}

// ask runs a command's work against the running node.
func (a *app) ask(work func(shoal.Node) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return work(c)
}

// anyNode is the running node or, where none runs, one of our own that lives
// until release is called. It listens on any free port, so that others who get
// the same file can have it from here meanwhile.
func (a *app) anyNode(ctx context.Context) (node shoal.Node, release func(), err error) {
	c, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	_, err = c.Status(ctx)
	if err == nil {
		return c, func() { c.Close() }, nil
	}
	c.Close()
	if shoal.CodeOf(err) != shoal.NoNode {
		return nil, nil, err
	}
	own, err := a.openNode(ctx, NodeConfig{Listen: []string{":0"}, Passing: true})
	if err != nil {
		return nil, nil, err
	}
	return own, func() {
		if err := own.Close(); err != nil {
			a.screen.notice("stop the node: %v", err)
		}
	}, nil
}

// openNode starts a node on the data folder; it fills in what all nodes of
// this command line have in common.
func (a *app) openNode(ctx context.Context, config NodeConfig) (Node, error) {
	data, err := a.dataFolder()
	if err != nil {
		return nil, err
	}
	if config.Name == "" {
		config.Name, _ = os.Hostname() // a node without a name is one too
	}
	limitMemory(a.env.Getenv)
	config.Data, config.Version = data, buildVersion().Version
	if config.Log, err = a.logger(); err != nil {
		return nil, err
	}
	node, err := a.env.OpenNode(ctx, config)
	if err != nil && shoal.CodeOf(err) == shoal.Exists && shoal.HintOf(err) == "" {
		err = shoal.WithHint(err, "a process that does not answer holds "+data+": shoal doctor looks into it")
	}
	return node, err
}

// logger is where a node in this process tells what goes on.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	words := []string{"debug", "info", "warn", "error"}
	if !slices.Contains(words, a.flags.logLevel) || level.UnmarshalText([]byte(a.flags.logLevel)) != nil {
		return nil, fmt.Errorf("--log-level is one of %s, not %q: %w", strings.Join(words, ", "), a.flags.logLevel, shoal.Usage)
	}
	return slog.New(slog.NewTextHandler(a.env.Stderr, &slog.HandlerOptions{Level: level})), nil
}

// finish says how the command ended and gives the exit code.
func (a *app) finish(ctx context.Context, command *cobra.Command, args []string, err error) int {
	if !a.begun {
		a.screen.json = slices.Contains(args, "--json")
		err = misuse(command, err)
	}
	switch {
	case errors.Is(err, errNoReader):
		return 0
	case err != nil && ctx.Err() != nil && shoal.CodeOf(err) == shoal.Interrupted:
		err = shoal.WithHint(interrupted{err}, shoal.HintOf(err))
	}
	a.screen.end(err)
	if err == nil {
		return 0
	}
	return shoal.CodeOf(err).ExitCode()
}

// misuse makes what cobra says of a command line an error of usage.
func misuse(command *cobra.Command, err error) error {
	if err == nil || shoal.HintOf(err) != "" {
		return err
	}
	if text, like, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n\t"); found {
		err = fmt.Errorf("%s: %w", text, shoal.Usage)
		return shoal.WithHint(err, "did you mean "+strings.Join(strings.Fields(like), " or ")+"?")
	}
	if !errors.Is(err, shoal.Usage) {
		err = usage{err}
	}
	return shoal.WithHint(err, command.CommandPath()+" --help shows how it is used")
}

// plain is an error about a flag, without the words of the package strconv.
func plain(err error) error {
	text, _, found := strings.Cut(err.Error(), ": strconv.")
	if !found {
		return err
	}
	return errors.New(text)
}

// usage is an error of cobra's, which has no code.
type usage struct{ error }

func (usage) Unwrap() error { return shoal.Usage }

// interrupted is an error whose own words, "context canceled", say nothing to
// a person who pressed Ctrl-C.
type interrupted struct{ error }

func (interrupted) Error() string { return "interrupted" }
func (interrupted) Unwrap() error { return shoal.Interrupted }

// errNoReader means that whoever read our stdout has gone: not our failure.
var errNoReader = errors.New("nobody reads the output any more")
