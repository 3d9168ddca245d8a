package testnet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Got is how a get ended.
type Got struct {
	Path  string `json:"path"`
	Stats Stats  `json:"stats"`
}

// Stats is what `shoal get --json` says of where the bytes came from.
type Stats struct {
	Bytes      int64         `json:"bytes"`
	Reused     int64         `json:"reused"`
	Duplicates int64         `json:"duplicates"`
	Wasted     int64         `json:"wasted"`
	Elapsed    time.Duration `json:"elapsed_ns"`
	Sources    []Source      `json:"sources"`
}

// Source is what one peer gave.
type Source struct {
	Node   string `json:"node"`
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason"`
	Banned bool   `json:"banned"`
}

// Progress is how far a get is.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Get has the node get ref into output, and tells of progress as it comes;
// watch may be nil.
func (n *Node) Get(ctx context.Context, ref, output string, watch func(Progress)) (Got, error) {
	cmd := n.Command(ctx, "get", ref, "-o", output, "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Got{}, err
	}
	if err := cmd.Start(); err != nil {
		return Got{}, fmt.Errorf("get at %s: %w", n.Name, err)
	}
	var got Got
	var failure string
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var kind struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if err := json.Unmarshal(lines.Bytes(), &kind); err != nil {
			return Got{}, fmt.Errorf("get at %s says %q: %w", n.Name, lines.Text(), err)
		}
		switch kind.Type {
		case "progress":
			var p Progress
			if json.Unmarshal(lines.Bytes(), &p) == nil && watch != nil {
				watch(p)
			}
		case "result":
			err = json.Unmarshal(lines.Bytes(), &got)
		case "error":
			failure = kind.Text
		}
		if err != nil {
			return Got{}, fmt.Errorf("get at %s: %w", n.Name, err)
		}
	}
	if err := cmd.Wait(); err != nil {
		return got, fmt.Errorf("get at %s: %w: %s", n.Name, err, failure)
	}
	return got, nil
}
