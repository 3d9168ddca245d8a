package node

import (
	"math"
	"strings"
	"testing"

	"shoal"
)

// What peers tell is used only if it was asked for: a name elsewhere would be
// written there, and another id would be another file.
func TestOnlyWhatWasAskedForCounts(t *testing.T) {
	id := shoal.FileID{0x01, 0x23, 0x45, 0x67, 0x89}
	for _, test := range []struct {
		ref, name string
		want      bool
	}{
		{"photos/", "photos/a.jpg", true},
		{"photos/", ".ssh/authorized_keys", false},
		{"photos/", "photos", false},
		{"report.pdf", "report.pdf", true},
		{"report.pdf", "work/report.pdf", true},
		{"report.pdf", ".bashrc", false},
		{"a/b", "c/a/b", false},
		{"0123456789", "any", true},
		{"0123456789AB", "0123456789AB", false},
		{strings.Repeat("f", 64), "any", false},
		{id.String(), "any", true},
	} {
		if got := answers(test.ref, shoal.Entry{ID: id, Name: test.name}); got != test.want {
			t.Errorf("%q for %q counts: %v, want %v", test.name, test.ref, got, test.want)
		}
	}
}

// A size that somebody told cannot make a cost that no batch can have.
func TestBatchCostIsBounded(t *testing.T) {
	for _, size := range []int64{math.MinInt64, -1, 0, 1, costlyBytes, costlyBytes + 1, 9_000_000_000_000_000_000, math.MaxInt64} {
		if cost := batchCost(size); cost < 1 || cost > batchWidth/4 {
			t.Errorf("%d bytes cost %d, want 1 to %d", size, cost, batchWidth/4)
		}
	}
}
