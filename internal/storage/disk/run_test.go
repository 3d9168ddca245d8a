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
	if err := o.PutRun(t.Context(), 2, [][]byte{f.chunk(2), f.chunk(3)[:7]}); !errors.Is(err, shoal.Usage) {
		t.Errorf("a run that ends within a chunk: %v, want usage", err)
	}
	for _, run := range [][2]int{{0, 3}, {3, 4}, {4, 11}} {
		var chunks [][]byte
		for i := run[0]; i < run[1]; i++ {
			chunks = append(chunks, f.chunk(i))
		}
		if err := o.PutRun(t.Context(), run[0], chunks); err != nil {
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
