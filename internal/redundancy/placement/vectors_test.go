package placement_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"lukechampine.com/blake3"

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

// digestOfMany is a digest of layouts of all kinds: few and many nodes, light and heavy,
// in one zone and in several, of small and large files.
func digestOfMany() string {
	h := blake3.New(32, nil)
	for _, n := range []int{1, 2, 3, 5, 9, 32, 33, 80} {
		for _, zones := range []int{1, 3} {
			all := equal(n)
			for i := range all {
				all[i].Weight, all[i].Zone = int64(i+1)<<(10*(i%5)), fmt.Sprint(i%zones)
			}
			m := placement.New(all)
			for _, chunks := range []int{1, 4, 5, 320} {
				for _, copies := range []int{1, 2, 3, 5} {
					l := m.File(blake3.Sum256([]byte{byte(n), byte(zones), byte(chunks / 4), byte(copies)}), chunks, copies)
					for chunk := range chunks {
						for _, node := range l.Order(chunk) {
							_, _ = h.Write([]byte(node)) // a hash takes everything
						}
					}
				}
			}
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// A layout that changes moves the chunks of every shoal there is.
func TestLayoutsNeverChange(t *testing.T) {
	page, err := os.ReadFile("../../../docs/spec/placement.md")
	if err != nil {
		t.Fatal(err)
	}
	if digest := digestOfMany(); !strings.Contains(string(page), "is `"+digest+"`") {
		t.Errorf("docs/spec/placement.md does not have the digest %s", digest)
	}
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
