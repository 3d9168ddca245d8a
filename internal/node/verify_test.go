package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shoal"
)

// removed deletes the files that a pattern names, of which there must be some.
func removed(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyTellsWhatIsMissing takes away what a lone node should keep, while it
// runs and while it does not.
func TestVerifyTellsWhatIsMissing(t *testing.T) {
	n := alone(t, onSockets)
	path, _ := write(t, 1, 300_000)
	n.add(t, path, "lost")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	data := n.cfg.Data
	removed(t, filepath.Join(data, "store/blobs/*/*"))
	n = open(t, Config{Data: data, Listen: []string{"127.0.0.1:0"}})
	path, bytes := write(t, 9, 200_000)
	there := n.add(t, path, "there")
	report, err := n.Verify(t.Context(), "", nil)
	if !errors.Is(err, shoal.Partial) || shoal.HintOf(err) == "" || len(report.Missing) != 1 || report.Missing[0].Name != "lost" {
		t.Errorf("%+v, %v: want the large file to be missing", report, err)
	}
	if _, err := n.Verify(t.Context(), "there", nil); err != nil {
		t.Error(err)
	}
	removed(t, filepath.Join(data, "store/blobs/*/*.data"))
	report, err = n.Verify(t.Context(), "there", nil)
	if !errors.Is(err, shoal.Partial) || len(report.Missing) != 1 || report.Missing[0].File != there.ID || report.Bytes != 0 {
		t.Errorf("%+v, %v: want %s to be missing of which %d bytes were added", report, err, there.ID.Short(), len(bytes))
	}
}
