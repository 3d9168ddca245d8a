package disk

import (
	"errors"
	"path/filepath"
	"testing"

	"shoal"
)

func TestOutputTakesRunsOfChunks(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 1, 10*1024+5, 1024)
	o, err := s.Output(t.Context(), f.File, filepath.Join(t.TempDir(), "out"), Refuse)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.PutRun(t.Context(), 2, f.data[2*1024:5*1024+7]); !errors.Is(err, shoal.Usage) {
		t.Errorf("a run that ends within a chunk: %v, want usage", err)
	}
	for _, run := range [][2]int{{0, 3}, {3, 4}, {4, 11}} {
		end := min(run[1]*1024, len(f.data))
		if err := o.PutRun(t.Context(), run[0], f.data[run[0]*1024:end]); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	wantReadable(t, s, f)
}
