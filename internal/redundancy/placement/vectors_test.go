package placement_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/redundancy/placement"
)

// vectors is the table of docs/spec/placement.md.
func vectors() string {
	var table strings.Builder
	large := equal(200)
	for _, row := range []struct {
		name           string
		nodes          []placement.Node
		chunks, copies int
		shown          []int
	}{
		{"5 nodes of weight 1", nodes(1, 1, 1, 1, 1), 4, 2, []int{0, 1, 2, 3}},
		{"weights 3, 2, 1", nodes(3, 2, 1), 2, 2, []int{0, 1}},
		{"200 nodes of weight 2^40", large, 1000, 3, []int{0, 999}},
	} {
		m := placement.New(row.nodes)
		l := m.File(shoal.FileID{1, 2, 3}, row.chunks, row.copies)
		for _, chunk := range row.shown {
			holders := l.Holders(chunk)
			text := make([]string, len(holders))
			for i, node := range holders {
				text[i] = strings.TrimPrefix(string(node), "node-")
			}
			fmt.Fprintf(&table, "| %s | `%x` | %d | %d | %d | %s |\n", row.name, m.Digest(), row.chunks, row.copies, chunk, strings.Join(text, " "))
		}
	}
	return table.String()
}

func TestSpecificationHasTheVectors(t *testing.T) {
	page, err := os.ReadFile("../../../docs/spec/placement.md")
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(vectors()) {
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/spec/placement.md does not have\n%s", row)
		}
	}
}
