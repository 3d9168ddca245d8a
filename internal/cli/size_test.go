package cli

import (
	"testing"

	"shoal"
)

func TestParseChunkSize(t *testing.T) {
	for text, want := range map[string]int{"": 0, "1024": 1 << 10, "256KiB": 256 << 10, "4MiB": 4 << 20, "32MiB": 32 << 20} {
		if got, err := parseChunkSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "512", "3000", "1MB", "64MiB", "many", "-1"} {
		if got, err := parseChunkSize(text); err == nil || shoal.CodeOf(err) != shoal.Usage {
			t.Errorf("%q: %d, %v; want a usage error", text, got, err)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "10MB": 10e6, "10MB/s": 10e6, "500KiB": 500 << 10} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "fast", "-1MB", "/s"} {
		if got, err := parseRate(text); err == nil || shoal.CodeOf(err) != shoal.Usage || shoal.HintOf(err) == "" {
			t.Errorf("%q: %d, %v; want a usage error with a hint", text, got, err)
		}
	}
}

func FuzzParseChunkSize(f *testing.F) {
	for _, seed := range []string{"1K", "256KiB", "9223372036854775807", "8388608TiB", "1bB", "iB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseChunkSize(text); err == nil && (n < 0 || n&(n-1) != 0) {
			t.Errorf("%q is a chunk size of %d", text, n)
		}
	})
}
