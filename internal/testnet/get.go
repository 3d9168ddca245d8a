package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"shoal"
)

// Got is how a get ended.
type Got struct {
	Path  string      `json:"path"`
	Stats shoal.Stats `json:"stats"`
}

// Get has the node get one file into output. It shows each event to watch,
// which may be nil and holds up the reading while it runs; an error has the
// command's own words in it.
func (n *Node) Get(ctx context.Context, ref, output string, watch func(shoal.Event)) (Got, error) {
	cmd := n.Command(ctx, "get", ref, "-o", output, "--json")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return Got{}, fmt.Errorf("get at %s: %w", n.Name, err)
	}
	got, err := readGet(out, watch)
	_, rest := io.Copy(io.Discard, out) // or the command could wait for us for ever
	if err := errors.Join(cmd.Wait(), err, rest); err != nil {
		return got, fmt.Errorf("get at %s: %w", n.Name, err)
	}
	return got, nil
}

// readGet reads what `shoal get --json` says, to its last line, the summary.
func readGet(r io.Reader, watch func(shoal.Event)) (got Got, err error) {
	if watch == nil {
		watch = func(shoal.Event) {}
	}
	lines := json.NewDecoder(r)
	results := 0
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			return got, fmt.Errorf("there is no summary: %w", err)
		}
		var kind struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if err := json.Unmarshal(line, &kind); err != nil {
			return got, err
		}
		switch kind.Type {
		case "progress":
			err = show(line, watch)
		case "result":
			results++
			err = json.Unmarshal(line, &got)
		case "error":
			return got, errors.New(kind.Text)
		case "summary":
			if results != 1 {
				return got, fmt.Errorf("there are %d results", results)
			}
			return got, nil
		}
		if err != nil {
			return got, fmt.Errorf("line %s: %w", line, err)
		}
	}
}

func show(line []byte, watch func(shoal.Event)) error {
	var event shoal.Event
	if err := json.Unmarshal(line, &event); err != nil {
		return err
	}
	watch(event)
	return nil
}
