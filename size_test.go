package shoal_test

import (
	"math"
	"testing"

	"github.com/dustin/go-humanize"
	"pgregory.net/rapid"

	"shoal"
)

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{
		math.MinInt64: "0 B",
		0:             "0 B",
		9:             "9 B",
		999:           "999 B",
		1000:          "1.0 kB",
		1049:          "1.0 kB",
		1050:          "1.1 kB",
		9949:          "9.9 kB",
		9950:          "10 kB",
		16384:         "16 kB",
		82_854_982:    "83 MB",
		1_500_000_000: "1.5 GB",
		math.MaxInt64: "9.2 EB",
	} {
		if got := shoal.FormatSize(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}

// TestFormatSizeIsHumanize compares with another implementation.
func TestFormatSizeIsHumanize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Min(0).Draw(t, "bytes")
		if got, want := shoal.FormatSize(n), humanize.Bytes(uint64(n)); got != want {
			t.Fatalf("%d bytes are %q, want %q", n, got, want)
		}
	})
}
