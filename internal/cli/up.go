package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"shoal"
	"shoal/internal/api"
	"shoal/internal/api/socket"
)

func newUp(a *app) *cobra.Command {
	var config NodeConfig
	var scrub, trash string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a node and keep it running",
		Long: "Up starts a node on the data folder and runs it until it is told to stop, by Ctrl-C\n" +
			"or SIGTERM. The other commands speak to it. With --json it prints one line when it\n" +
			"is ready.",
		Example: examples(
			"shoal up", "on the first machine; then there: shoal invite",
			"shoal up --join shoal-ticket-...", "on the second, the first time",
			"shoal up --listen :4001 --capacity 80%", "on a fixed port, on most of the disk",
		),
		Args: refCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if config.Join, err = a.ticket(cmd.Context(), config.Join); err != nil {
				return err
			}
			if config.Scrub, err = parsePeriod(scrub); err != nil {
				return err
			}
			if config.Trash, err = parseTrash(trash); err != nil {
				return err
			}
			if config.Down == 0 {
				return fmt.Errorf("--down-after 0: a node must be silent for a while before it is called down: %w", shoal.Usage)
			}
			if config.Delay == 0 {
				config.Delay = -1 // none, for 0 is the usual
			}
			return a.up(cmd.Context(), config)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.Name, "name", "", "what peers call the node (default: the host's name)")
	flags.StringArrayVar(&config.Listen, "listen", nil, "where to listen, HOST:PORT or a multiaddr; port 0 is any, and the same at the next start; may be given again")
	flags.StringArrayVar(&config.Peers, "peer", nil, "address of a node to stay connected to; may be given again")
	flags.StringVar(&config.Join, "join", "", "ticket of the shoal to join the first time, or - to read it from stdin (else $SHOAL_JOIN, $SHOAL_JOIN_FILE)")
	flags.StringVar(&config.Zone, "zone", "", "what fails together with this node, such as a room; copies are spread over zones")
	spanFlag(flags, &config.Down, "down-after", 10*time.Second, "how long a node may be silent before this one calls it down; suspect after half of that")
	spanFlag(flags, &config.Delay, "repair-delay", time.Minute, "how long a node must be away before this one copies its chunks")
	flags.StringVar(&trash, "trash", "24h", "how long what was removed can be had back, such as 12h or 7d")
	flags.StringVar(&scrub, "scrub", "30d", "in what time to read and check everything here once, such as 7d or 12h, or off")
	flags.StringVar(&config.Capacity, "capacity", "", "how much to store at most: a SIZE or a part of the disk in % (default: what the disk has)")
	flags.StringVar(&config.Upload, "upload-limit", "", "how much to send to all peers a second at most, a SIZE such as 10MB (default: no limit)")
	return cmd
}

// parsePeriod reads what --scrub says; never is less than 0.
func parsePeriod(text string) (time.Duration, error) {
	if text == "off" {
		return -1, nil
	}
	period, err := parseSpan(text)
	if err != nil || period < time.Second {
		return 0, shoal.WithHint(fmt.Errorf("--scrub %q is neither a span of time nor off: %w", text, shoal.Usage), "say 30d, 12h or off")
	}
	return period, nil
}

// parseTrash reads what --trash says.
func parseTrash(text string) (time.Duration, error) {
	span, err := parseSpan(text)
	if err != nil || span <= 0 {
		return 0, shoal.WithHint(fmt.Errorf("--trash %q is no span of time: %w", text, shoal.Usage), "say 24h or 7d")
	}
	return span, nil
}

// maxTicket is more than any ticket has, in bytes.
const maxTicket = 8 << 10

// ticket is the ticket to join with: what --join says, or the environment.
func (a *app) ticket(ctx context.Context, flag string) (string, error) {
	switch {
	case flag == "-":
		data, err := io.ReadAll(io.LimitReader(a.stdin(ctx), maxTicket))
		return strings.TrimSpace(string(data)), err
	case flag != "":
		return flag, nil
	}
	if path := a.env.Getenv("SHOAL_JOIN_FILE"); path != "" && a.env.Getenv("SHOAL_JOIN") == "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read the ticket: %w", err)
		}
		return strings.TrimSpace(string(data)), nil
	}
	return strings.TrimSpace(a.env.Getenv("SHOAL_JOIN")), nil
}

// ready is the line that a started node prints with --json.
type ready struct {
	Name   string       `json:"name"`
	PeerID shoal.NodeID `json:"peer_id"`
	Listen []string     `json:"listen"`
	Data   string       `json:"data"`
	Free   int64        `json:"free"`
}

// up runs a node until ctx ends, which is not an error.
func (a *app) up(ctx context.Context, config NodeConfig) (err error) {
	a.screen.summary = false // the ready line is the only one
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var failed atomic.Pointer[error]
	config.Fail = func(why error) {
		failed.Store(&why)
		fail(why)
	}
	node, err := a.openNode(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	data, err := a.dataFolder()
	if err != nil {
		return err
	}
	l, err := socket.Listen(filepath.Join(data, socketName))
	if err != nil {
		return fmt.Errorf("make the node's socket: %w", err)
	}
	log, err := a.logger()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	status, err := node.Status(ctx)
	if err == nil {
		err = a.announce(status)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	err = api.Serve(ctx, l, api.New(node, api.WithVersion(buildVersion().Version)), log)
	if why := failed.Load(); why != nil {
		return *why
	}
	if err == nil && !a.screen.json {
		a.screen.notice("stopped")
	}
	return err
}

// announce tells that the node is ready. The socket takes connections by then,
// and they are answered in a moment.
func (a *app) announce(s shoal.Status) error {
	if a.screen.json {
		return a.screen.line("ready", ready{s.Name, s.ID, s.Listen, s.Data, s.Free})
	}
	if a.screen.quiet {
		return nil
	}
	return printBanner(a.screen.stdout, a.screen.outStyle, s)
}

func printBanner(w io.Writer, style style, s shoal.Status) error {
	if _, err := fmt.Fprintf(w, "%s is up\n\n", style.bold(clean(s.Name))); err != nil {
		return err
	}
	t := newTable(toLeft, toLeft)
	t.row("peer id", string(s.ID))
	for i, door := range doors(s.Listen) {
		t.row(unless(i > 0, "listening"), door)
	}
	t.row("data", fmt.Sprintf("%s (%s free)", s.Data, size(s.DiskFree)))
	if err := t.print(w, "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nAdd a file:                  %s\nJoin from another machine:   %s\nStop:                        Ctrl-C\n",
		style.bold("shoal add FILE"), style.bold("shoal invite"))
	return err
}
