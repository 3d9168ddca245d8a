package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/network/memnet"
	"shoal/internal/redundancy/safety"
)

// Both nodes that have a file are cut off, and are given up: those that should
// hold it now say that nobody has it, and not that they are copying.
func TestNobodyWhoIsUpHasIt(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.TrimDelay = -1 })
		path, _ := write(t, 1, 1000)
		if err := w.nodes[0].Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: "file"}}}, nil); err != nil {
			t.Fatal(err)
		}
		file, err := w.nodes[0].catalog.Resolve(t.Context(), "file")
		if err != nil {
			t.Fatal(err)
		}
		has := func(n *Node) bool { return n.present(t.Context(), file.ID) > 0 }
		var holders, others []*Node
		<-time.After(4 * time.Minute) // until what is surplus has gone
		for _, n := range w.nodes {
			if has(n) {
				holders = append(holders, n)
			} else {
				others = append(others, n)
			}
		}
		if len(holders) != 2 {
			t.Fatalf("%d nodes have the file, want 2", len(holders))
		}
		w.shape(holders, others, memnet.Link{Delay: linkDelay, Down: true})
		w.sever(holders, others)
		says := func(n *Node, text string) bool {
			v, err := n.reconciler.safety(t.Context())
			return err == nil && v.State == safety.AtRisk && strings.Contains(v.Text, text)
		}
		w.await("all others say that nobody has it", func() bool {
			return !slices.ContainsFunc(others, func(n *Node) bool { return !says(n, "no node that is up has what is missing") })
		})
		w.shape(holders, others, memnet.Link{Delay: linkDelay})
		w.await("it is safe again", safe(t, w.nodes...))
	})
}
