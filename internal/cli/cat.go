package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shoal"
)

func newCat(a *app) *cobra.Command {
	var part string
	cmd := &cobra.Command{
		Use:   "cat REF",
		Short: "Write a file to stdout, or a part of it",
		Long: "Cat writes a file's bytes to stdout, and no byte that was not checked. Only what is\n" +
			"asked for is fetched. Where no node runs, one is started for the length of the command.\n" +
			"With --json, the lines go to stderr.",
		Example: examples(
			"shoal cat notes.txt", "all of it",
			"shoal cat --range 0-1023 big.iso", "the first KiB",
			"shoal cat --range -100 big.iso", "the last 100 bytes",
		),
		Args:              refCount(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.screen.divert()
			wanted := byteRange{0, -1}
			if cmd.Flags().Changed("range") {
				var err error
				if wanted, err = parseRange(part); err != nil {
					return err
				}
			}
			node, release, err := a.anyNode(cmd.Context())
			if err != nil {
				return err
			}
			defer release()
			return a.copyOut(cmd.Context(), node, args[0], wanted)
		},
	}
	cmd.Flags().StringVar(&part, "range", "", "only the bytes FIRST-LAST (both included, from 0), FIRST- or -COUNT")
	return cmd
}

// copyBuffer is how much is read at once, in bytes.
const copyBuffer = 256 << 10

// copied is what is said of a file that was written to stdout.
type copied struct {
	shoal.Entry
	First int64 `json:"first"` // byte
	Bytes int64 `json:"bytes"`
}

// copyOut writes a part of a file to stdout.
func (a *app) copyOut(ctx context.Context, node shoal.Node, ref string, part byteRange) error {
	content, err := node.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer content.Close()
	entry := content.Entry()
	offset, length, err := part.within(entry.Size)
	if err != nil {
		return err
	}
	if _, err := content.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	n, err := a.pour(content, entry, length)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case a.screen.json:
		a.screen.sum.Bytes = n
		return a.screen.result(copied{entry, offset, n}, nil)
	}
	return nil
}

// pour copies length bytes of content to stdout, showing how it goes unless
// the bytes go to the same terminal.
func (a *app) pour(content io.Reader, entry shoal.Entry, length int64) (int64, error) {
	var seen func(done int64)
	if !isTerminal(a.env.Stdout) {
		p := a.screen.progress("reading", 1)
		defer p.end()
		seen = func(done int64) {
			p.see(shoal.Event{Type: shoal.EventProgress, Time: a.env.Now(), Name: entry.Name, File: entry.ID, Done: done, Total: length})
		}
	}
	buf := make([]byte, min(copyBuffer, max(length, 1)))
	var done int64
	for done < length {
		n, err := content.Read(buf[:min(int64(len(buf)), length-done)])
		if _, werr := a.screen.stdout.Write(buf[:n]); werr != nil {
			return done, werr
		}
		done += int64(n)
		if seen != nil {
			seen(done)
		}
		if err == io.EOF && done < length {
			return done, fmt.Errorf("read %s: %w", entry.Name, io.ErrUnexpectedEOF)
		}
		if err != nil && err != io.EOF {
			return done, err
		}
	}
	return done, nil
}
