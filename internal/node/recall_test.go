package node

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"shoal"
)

// A node whose journal is lost with all that it said, as in a backup from before it
// was let in, is on no roster it knows of. It says nothing new before it has heard
// from whom it joined through what it said.
func TestLostJournalForksNothing(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		gone := nodes[1]
		path, _ := write(t, 3, 1000)
		gone.add(t, path, "before")
		await(t, "the other has heard of it", func() bool {
			_, err := nodes[0].catalog.Resolve(t.Context(), "before")
			return err == nil
		})
		heard := said(t, nodes[0], gone.self())
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{journalFile, catalogFile} {
			for _, part := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(filepath.Join(gone.cfg.Data, file+part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
		}
		cfg := gone.cfg
		cfg.Join = ""
		back := open(t, cfg)
		await(t, "it may speak", func() bool {
			select {
			case <-back.recalled:
				return true
			default:
				return false
			}
		})
		path, _ = write(t, 4, 1000)
		back.add(t, path, "after")
		now := said(t, back, back.self())
		for i, batch := range heard {
			if i >= len(now) || !bytes.Equal(batch, now[i]) {
				t.Fatalf("of %d batches that the other had heard it has another one %d", len(heard), i+1)
			}
		}
		await(t, "the other has heard of the new file", func() bool {
			_, err := nodes[0].catalog.Resolve(t.Context(), "after")
			return err == nil
		})
	})
}

// said is what a node has of what another said.
func said(t *testing.T, n *Node, author shoal.NodeID) (batches [][]byte) {
	t.Helper()
	for piece, err := range n.journal.Of(t.Context(), author, 0) {
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, piece.Data)
	}
	return batches
}
