package disk

import (
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
)

// manyLarge makes a store with large files enough for an index of several pages,
// one of which is partly here, and closes it.
func manyLarge(t *testing.T) (dir string, whole []sample, part, linked sample) {
	t.Helper()
	dir = t.TempDir()
	s := openStore(t, dir)
	for i := range 40 {
		whole = append(whole, newSample(t, uint64(i), 17*cs+i, cs))
		putAll(t, s, whole[i])
	}
	part, linked = newSample(t, 100, 400*cs, cs), newSample(t, 101, 40*cs, cs)
	must(t, s.Create(t.Context(), part.File))
	must(t, s.Put(t.Context(), part.ref(7), part.chunk(7)))
	_, err := s.Link(t.Context(), tempFile(t, linked), cs, nil)
	must(t, err)
	must(t, s.Close())
	return dir, whole, part, linked
}

// spoilInUse spoils pages of a database that is open, from one on.
func spoilInUse(t *testing.T, path string, d *sqlite.Mendable, from int) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	for page := from; page < int(info.Size()/pageBytes); page++ {
		spoil(t, path, page)
	}
	for range 3 { // connections, or the pages in SQLite's caches would do
		must(t, d.Try(func(d *sqlite.DB) error {
			_, err := d.Writer.Exec("PRAGMA shrink_memory")
			return err
		}))
	}
}

// TestIndexIsMendedInUse spoils the index of a store that is open, whole and in
// part. What is added then is taken, nothing that was is lost, it is told once, and
// what is in the store is counted right when it was all looked at.
func TestIndexIsMendedInUse(t *testing.T) {
	for _, from := range []int{0, 1, 2, 4} {
		dir, whole, part, linked := manyLarge(t)
		s, told := openHeard(t, dir)
		want, err := s.Usage(t.Context())
		must(t, err)
		wantWhole(t, s, whole[0])
		spoilInUse(t, filepath.Join(dir, layout.IndexFile), s.index.Mendable, from)

		later := newSample(t, 200, 20*cs, cs)
		putAll(t, s, later)
		var wg sync.WaitGroup
		for _, f := range whole {
			wg.Go(func() {
				if _, err := s.Has(t.Context(), f.ID); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		must(t, s.commits.wait(t.Context())) // of what was read to find out
		for round := range 2 {
			for _, f := range append(whole, linked, later) {
				wantWhole(t, s, f)
			}
			has, err := s.Has(t.Context(), part.ID)
			must(t, err)
			if round == 0 && has.Count() == 0 {
				must(t, s.commits.wait(t.Context()))
				has, err = s.Has(t.Context(), part.ID)
				must(t, err)
			}
			if has.Count() != 1 || !has.Has(7) {
				t.Errorf("from page %d: got %d chunks of the file that is partly here", from, has.Count())
			}
			for _, err := range s.All(t.Context()) {
				must(t, err)
			}
			got, err := s.Usage(t.Context())
			must(t, err)
			if got.Stored != want.Stored+later.Size || got.Files != want.Files+1 || got.Linked != want.Linked {
				t.Errorf("from page %d: counted %+v, want %+v and the later file", from, got, want)
			}
			if round == 0 {
				must(t, s.Close())
				s = openStore(t, dir)
			}
		}
		if got := told(); got[Rebuilt] != 1 || len(got) != 1 {
			t.Errorf("from page %d: told %v, want one that it was mended", from, got)
		}
	}
}

// TestDoubtfulRowsDoNotHideTheRest lists a store right after its index was mended:
// a file that is not read through yet is listed, with what is linked of it.
func TestDoubtfulRowsDoNotHideTheRest(t *testing.T) {
	dir, whole, _, _ := manyLarge(t)
	s := openStore(t, dir)
	_, err := s.Link(t.Context(), tempFile(t, whole[3]), cs, nil)
	must(t, err)
	must(t, s.commits.wait(t.Context()))
	must(t, s.Close())
	s = openStore(t, dir)
	spoilInUse(t, filepath.Join(dir, layout.IndexFile), s.index.Mendable, 1)
	listed := 0
	for summary, err := range s.All(t.Context()) {
		must(t, err)
		listed++
		if summary.ID == whole[3].ID && summary.Present != whole[3].Chunks() {
			t.Errorf("%d chunks are said to be there of a file that is linked whole", summary.Present)
		}
	}
	if listed != len(whole)+2 {
		t.Errorf("%d files are listed, want %d", listed, len(whole)+2)
	}
}

// TestDatabasesThatAreGoneInUseAreMadeAnew deletes the databases of a store that is
// open: connections that are made later find no tables.
func TestDatabasesThatAreGoneInUseAreMadeAnew(t *testing.T) {
	dir, whole, _, linked := manyLarge(t)
	var told []Notice
	s, err := Open(t.Context(), dir, Options{Notify: func(n Notice) { told = append(told, n) }})
	must(t, err)
	defer closeStore(t, s)
	for _, name := range []string{layout.IndexFile, layout.RecordsFile} {
		must(t, sqlite.Remove(filepath.Join(dir, name)))
	}
	for _, d := range []*sqlite.Mendable{s.index.Mendable, s.records.Mendable} {
		must(t, d.Try(func(d *sqlite.DB) error {
			d.Writer.SetMaxIdleConns(0) // so that each is made anew
			return nil
		}))
	}
	later, small := newSample(t, 200, 20*cs, cs), newSample(t, 201, 100, cs)
	putAll(t, s, later)
	putAll(t, s, small)
	for _, f := range append(whole, later) {
		_, err := s.Has(t.Context(), f.ID)
		must(t, err)
	}
	must(t, s.commits.wait(t.Context()))
	for _, f := range append(whole, later, small) {
		wantWhole(t, s, f)
	}
	wantNothingWrong(t, s, linked)
	if got := kinds(told); got[Rebuilt] != 2 || len(got) != 1 {
		t.Errorf("told %+v, want one for each", told)
	}
}

// A row of the index that has rotted does not speak against a hash list, which proves
// itself: the bytes are read again, and are not put away.
func TestARottenRowCostsNothing(t *testing.T) {
	for _, spoilt := range []string{"size = size + 1", "chunk = chunk * 2", "present = present - 1"} {
		dir, f := t.TempDir(), newSample(t, 1, 40*cs+3, cs)
		s := openStore(t, dir)
		putAll(t, s, f)
		must(t, s.Close())
		s = openStore(t, dir)
		must(t, s.index.Transact(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE files SET " + spoilt)
			return err
		}))
		must(t, s.Sync(t.Context(), f.ID)) // what is found durable is recorded
		wantWhole(t, s, f)
		must(t, s.Close())
		wantWhole(t, openStore(t, dir), f)
	}
}
