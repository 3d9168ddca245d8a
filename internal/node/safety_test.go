package node

import (
	"testing"

	"shoal"
	"shoal/internal/redundancy/safety"
)

// A node that has not looked at its files since a node went or a file came does
// not call them safe by what it had found before.
func TestWhatWasFoundBeforeAChangeProvesNothing(t *testing.T) {
	for what, change := range map[string]func(*testing.T, *Node){
		"a node drains": func(t *testing.T, n *Node) {
			if _, err := n.SetNode(t.Context(), "node1", shoal.NodeChange{State: "draining"}); err != nil {
				t.Fatal(err)
			}
		},
		"a file is named": func(t *testing.T, n *Node) {
			if err := n.catalog.Put(t.Context(), shoal.Entry{ID: shoal.FileID{1}, Name: "new", Size: 1, ChunkSize: 1 << 18, Copies: 2}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				nodes := together(t, 3, nil)
				path, _ := write(t, 1, 1000)
				nodes[0].add(t, path, "file.bin")
				await(t, "all is safe", safe(t, nodes...))
				nodes[0].stop() // so that its reconciler does not look
				nodes[0].running.Wait()
				change(t, nodes[0])
				if v, err := nodes[0].reconciler.safety(t.Context()); err != nil || v.State == safety.Safe {
					t.Errorf("%v: %s", err, v.Text)
				}
			})
		})
	}
}
