package disk

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/content"
)

// A file is cut one way in a shoal, or its nodes could not trade its chunks: as it is
// here, else as others have it, and by default only if nobody has it.
func TestAFileIsCutAsItIsKnown(t *testing.T) {
	const size, usual, other = 300 << 10, 256 << 10, 64 << 10
	for _, c := range []struct {
		name       string
		here, with content.ChunkSize // how a part of it is cut here, and all of it by others
		asked      content.ChunkSize
		want       content.ChunkSize // 0: it is refused
	}{
		{"unknown", 0, 0, 0, usual},
		{"unknown and asked", 0, 0, other, other},
		{"in part here", other, 0, 0, other},
		{"in part here, asked otherwise", other, 0, usual, 0},
		{"with others", 0, other, 0, other},
		{"with others, asked so", 0, other, other, other},
		{"with others, asked otherwise", 0, other, usual, 0},
		{"here and with others", other, usual, 0, other},
	} {
		for _, how := range []string{"import", "link"} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				s, err := Open(t.Context(), t.TempDir(), Options{CutOf: func(context.Context, shoal.FileID) content.ChunkSize { return c.with }})
				must(t, err)
				t.Cleanup(func() { closeStore(t, s) })
				if c.here != 0 {
					part := newSample(t, 1, size, c.here)
					must(t, s.Create(t.Context(), part.File))
					must(t, s.Put(t.Context(), part.ref(0), part.chunk(0)))
				}
				path := newSample(t, 1, size, usual).on(t, filepath.Join(t.TempDir(), "file"))
				got, err := takeFrom(t, s, how, path, c.asked)
				if c.want == 0 {
					wantCode(t, err, shoal.Exists)
					return
				}
				must(t, err)
				want := newSample(t, 1, size, c.want)
				if got.ChunkSize != c.want || got.ID != want.ID {
					t.Fatalf("it is cut at %d, want %d", got.ChunkSize, c.want)
				}
				buf := make([]byte, c.want)
				for i := range want.Chunks() {
					if n, err := s.Get(t.Context(), want.ref(i), buf); err != nil || string(buf[:n]) != string(want.chunk(i)) {
						t.Errorf("chunk %d is not right: %v", i, err)
					}
				}
			})
		}
	}
}

// takeFrom has a store import or link a file.
func takeFrom(t *testing.T, s *Store, how, path string, cs content.ChunkSize) (content.File, error) {
	t.Helper()
	if how == "link" {
		return s.Link(t.Context(), path, cs, nil)
	}
	src, err := os.Open(path)
	must(t, err)
	defer src.Close()
	return s.Import(t.Context(), src, cs, nil)
}
