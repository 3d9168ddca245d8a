package node

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/doctor"
	"shoal/internal/membership/standing"
	"shoal/internal/redundancy/safety"
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
		shut(t, gone)
		loseJournal(t, gone)
		cfg := gone.cfg
		cfg.Join = ""
		back := open(t, cfg)
		if err := back.membership.MaySpeak(t.Context()); err != nil {
			t.Fatal(err)
		}
		path, _ = write(t, 4, 1000)
		back.add(t, path, "after")
		forksNothing(t, heard, said(t, back, back.self()))
		await(t, "the other has heard of the new file", func() bool {
			_, err := nodes[0].catalog.Resolve(t.Context(), "after")
			return err == nil
		})
	})
}

// So is a founder's, from whose journal it knows everybody: those it has let in tell
// it, and it need not trust them for that.
func TestFounderWithoutItsJournal(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 3, nil)
		gone, others := nodes[0], nodes[1:]
		path, _ := write(t, 3, 1000)
		gone.add(t, path, "before")
		await(t, "all is safe", safe(t, nodes...))
		heard := said(t, others[0], gone.self())
		shut(t, gone)
		loseJournal(t, gone)
		back := open(t, gone.cfg)
		path, _ = write(t, 4, 1000)
		back.add(t, path, "after")
		forksNothing(t, heard, said(t, back, back.self()))
		await(t, "all is safe", safe(t, append(others, back)...))
		for _, n := range append(others, back) {
			for _, name := range []string{"before", "after"} {
				if _, err := n.catalog.Resolve(t.Context(), name); err != nil {
					t.Errorf("%s knows no file %q: %v", n.cfg.Name, name, err)
				}
			}
		}
	})
}

// Nobody else has heard what a node alone has said: when its journal is gone, the
// catalogue tells, and what it says later begins anew.
func TestNamesOutliveTheJournal(t *testing.T) {
	virtually(t, func(t *testing.T) {
		gone := alone(t, nil)
		path, data := write(t, 3, 1000)
		e := gone.add(t, path, "kept")
		gone.add(t, path, "removed")
		if _, err := gone.Remove(t.Context(), shoal.RemoveRequest{Ref: "removed"}); err != nil {
			t.Fatal(err)
		}
		shut(t, gone)
		for _, part := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(gone.cfg.Data, datadir.Journal+part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		back := open(t, gone.cfg)
		await(t, "the name is back", func() bool {
			got, err := back.catalog.Resolve(t.Context(), "kept")
			return err == nil && got.ID == e.ID
		})
		await(t, "the other catalogue is gone", func() bool {
			there, err := back.catalog.Stranded()
			return err == nil && !there
		})
		if list, err := back.catalog.List(t.Context(), shoal.ListRequest{}); err != nil || len(list) != 1 {
			t.Errorf("there are %d names, %v", len(list), err)
		}
		if got, err := read(t.Context(), back, "kept"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read: %d bytes, %v", len(got), err)
		}
	})
}

// If nobody is there whom it has let in, it goes on alone after half a minute, and
// keeps in mind where they were.
func TestFounderWithoutItsJournalAlone(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		await(t, "it is noted where the other is", func() bool { return len(nodes[0].addresses.Nodes()) > 0 })
		shut(t, nodes[1])
		shut(t, nodes[0])
		loseJournal(t, nodes[0])
		back, began := open(t, nodes[0].cfg), time.Now()
		path, _ := write(t, 4, 1000)
		back.add(t, path, "after")
		if took := time.Since(began); took < standing.RecallLimit || took > standing.RecallLimit+time.Second {
			t.Errorf("it spoke after %v", took)
		}
		if v, err := back.reconciler.safety(t.Context()); err != nil || v.State != safety.Unsure || !strings.Contains(v.Text, "waits for another to tell it") {
			t.Errorf("it has forgotten that it knew somebody: %+v, %v", v, err)
		}
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

// loseJournal deletes what a node that is off knew of what was said.
func loseJournal(t *testing.T, n *Node) {
	t.Helper()
	for _, file := range []string{datadir.Journal, datadir.Catalog} {
		for _, part := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(n.cfg.Data, file+part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
}

// forksNothing fails unless what an author has said begins with what was heard of
// it.
func forksNothing(t *testing.T, heard, now [][]byte) {
	t.Helper()
	for i, batch := range heard {
		if i >= len(now) || !bytes.Equal(batch, now[i]) {
			t.Fatalf("of %d batches that the other had heard it has another one %d", len(heard), i+1)
		}
	}
}

// A node that is restored where too few can tell it what it said since says nothing,
// and tells why; when more are up it goes on, and forks nothing.
func TestRestoredWhereNobodyCanTell(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 3, nil)
		back, others := nodes[2], nodes[:2]
		path, _ := write(t, 3, 1000)
		back.add(t, path, "before")
		shut(t, back)
		backup := filepath.Join(t.TempDir(), "backup")
		copyFolder(t, backup, back.cfg.Data)
		back = reopen(t, back)
		back.add(t, path, "since")
		await(t, "another has heard of it", func() bool {
			_, err := others[0].catalog.Resolve(t.Context(), "since")
			return err == nil
		})
		heard := said(t, others[0], back.self())
		shut(t, nodes[0], nodes[1], back)

		back.cfg.Data = backup
		back = reopen(t, back)
		adding := func() error {
			return back.Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: "after"}}}, func(shoal.Event) {})
		}
		refuses := func(when string) {
			t.Helper()
			if err := adding(); !errors.Is(err, shoal.Network) || shoal.HintOf(err) == "" {
				t.Errorf("%s: %v", when, err)
			}
			if v, err := back.reconciler.safety(t.Context()); err != nil || v.State != safety.Unsure {
				t.Errorf("%s: %+v, %v", when, v, err)
			}
			forksNothing(t, said(t, back, back.self()), heard)
		}
		refuses("alone")
		others[1] = reopen(t, others[1])
		pass(time.Minute)
		refuses("with one of two others")
		others[0] = reopen(t, others[0])
		within(t, time.Minute, "it may speak", func() bool { return adding() == nil })
		forksNothing(t, heard, said(t, back, back.self()))
		shut(t, back)
		back = reopen(t, back)
		if err := adding(); err != nil || back.journal.Moved() {
			t.Errorf("when it is started again: %v", err)
		}
	})
}

// Of a node that says that it is the only one left it is believed.
func TestDoctorTakesAFolderForMoved(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		shut(t, nodes...)
		there := filepath.Join(t.TempDir(), "there")
		copyFolder(t, there, nodes[0].cfg.Data)
		nodes[0].cfg.Data = there
		for _, moved := range []bool{false, true, false} {
			report, err := doctor.Run(t.Context(), there, doctor.Options{Moved: moved})
			if err != nil {
				t.Fatal(err)
			}
			told := slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return !f.OK && strings.Contains(f.Hint, "doctor --moved") })
			j := reopen(t, nodes[0])
			if was := j.journal.Moved(); was != told {
				t.Errorf("doctor (moved: %v) says %+v, and the journal %v", moved, report.Findings, was)
			}
			if moved && told {
				t.Error("it was told that the folder was moved, and does not believe it")
			}
			shut(t, j)
		}
	})
}

// copyFolder copies a data folder of a node that is off.
func copyFolder(t *testing.T, to, from string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	if err == nil {
		err = os.Chmod(filepath.Join(to, datadir.Identity), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
