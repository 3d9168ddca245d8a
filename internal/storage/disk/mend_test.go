package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/recovery"
)

const pageBytes = 4096 // of the databases

// manySmall makes a store with small files and links enough for trees of several
// pages, and closes it.
func manySmall(t *testing.T) (dir string, files []sample, linked sample) {
	t.Helper()
	dir = t.TempDir()
	s := openStore(t, dir)
	for i := range 30 {
		files = append(files, newSample(t, uint64(i), 100+i*(layout.SmallFile-100)/30, cs))
		must(t, s.Create(t.Context(), files[i].File))
		for c := range files[i].Chunks() {
			must(t, s.Put(t.Context(), files[i].ref(c), files[i].chunk(c)))
		}
	}
	linked = newSample(t, 200, 40*cs, cs)
	_, err := s.Link(t.Context(), tempFile(t, linked), cs, nil)
	must(t, err)
	must(t, s.Close())
	return dir, files, linked
}

// spoil writes garbage over a page of a file.
func spoil(t *testing.T, path string, page int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, pageBytes), int64(page)*pageBytes)
	must(t, err)
	must(t, file.Close())
}

// TestAnyPageOfTheRecordsMayBeLost spoils each page in turn. The store must open,
// give what it gives right, tell of it once, and take what is missing again.
func TestAnyPageOfTheRecordsMayBeLost(t *testing.T) {
	dir, files, linked := manySmall(t)
	info, err := os.Stat(filepath.Join(dir, layout.RecordsFile))
	must(t, err)
	pages := int(info.Size() / pageBytes)
	worst := 0
	for page := range pages {
		copied := t.TempDir()
		must(t, os.CopyFS(copied, os.DirFS(dir)))
		spoil(t, filepath.Join(copied, layout.RecordsFile), page)
		var told []Notice
		s, err := Open(t.Context(), copied, Options{Notify: func(n Notice) { told = append(told, n) }})
		if err != nil {
			t.Fatalf("page %d: %v", page, err)
		}
		missing := readAll(t, s, files)
		wantNothingWrong(t, s, linked)
		for _, err := range s.All(t.Context()) {
			must(t, err)
		}
		rebuilt := kinds(told)[Rebuilt]
		if rebuilt > 1 || len(missing) > 0 && len(told) == 0 || len(missing) > 1 && rebuilt == 0 {
			t.Errorf("page %d: %d files are missing, and this was told: %+v", page, len(missing), told)
		}
		if len(missing) > 4 {
			worst++
		}
		for _, f := range missing {
			putAll(t, s, f)
		}
		if again := readAll(t, s, files); len(again) > 0 {
			t.Errorf("page %d: %d files are still missing", page, len(again))
		}
		must(t, s.Close())
	}
	if worst > 0 {
		t.Errorf("with %d of %d pages more than 4 files are lost", worst, pages)
	}
}

func kinds(told []Notice) map[NoticeKind]int {
	counts := map[NoticeKind]int{}
	for _, n := range told {
		counts[n.Kind]++
	}
	return counts
}

// readAll reads small files, and gives those that are not whole.
func readAll(t *testing.T, s *Store, files []sample) (missing []sample) {
	t.Helper()
	for _, f := range files {
		has, err := s.Has(t.Context(), f.ID)
		if err != nil {
			wantCode(t, err, shoal.NotFound)
		}
		if err == nil {
			wantNothingWrong(t, s, f)
			has, err = s.Has(t.Context(), f.ID)
		}
		if err != nil || !has.Full() {
			missing = append(missing, f)
		}
	}
	return missing
}

// TestRecordsAreMendedInUse spoils the records of a store that is open. The first
// to meet the damage has it mended; what is in memory is not lost, and what is in
// the store is counted right afterwards.
func TestRecordsAreMendedInUse(t *testing.T) {
	dir, files, linked := manySmall(t)
	s, told := openHeard(t, dir)
	defer closeStore(t, s)
	known := files[:10]
	if missing := readAll(t, s, known); len(missing) > 0 {
		t.Fatal("files are missing before anything was spoiled")
	}
	spoilInUse(t, filepath.Join(dir, layout.RecordsFile), s.records.Mendable, 2) // the tables and their indexes, from the roots on
	var wg sync.WaitGroup
	for _, f := range files {
		wg.Go(func() {
			if _, err := s.Has(t.Context(), f.ID); err != nil && !errors.Is(err, shoal.NotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, s.commits.wait(t.Context()))
	if missing := readAll(t, s, known); len(missing) > 0 {
		t.Errorf("%d files were lost that were in memory", len(missing))
	}
	wantNothingWrong(t, s, linked)
	if got := told(); got[Rebuilt] != 1 {
		t.Errorf("told: %v, want one that they were mended", got)
	}
	got, err := s.Usage(t.Context())
	must(t, err)
	must(t, s.recount(t.Context()))
	want, err := s.Usage(t.Context())
	must(t, err)
	if got.Free = want.Free; got != want || got.Files < len(known) { // others use the disk, too
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// TestNoRoomToMend damages the records of a store on a full disk. They must stay
// where they are, and be mended when there is room.
func TestNoRoomToMend(t *testing.T) {
	w := newWorld(t)
	if !w.open() {
		t.Fatal("it does not open")
	}
	for i := range 40 {
		w.put(newSample(t, uint64(i), 900, cs), 0)
	}
	must(t, w.store.Close())
	path := filepath.Join(w.dir, layout.RecordsFile)
	spoil(t, path, 9)
	damaged, err := os.ReadFile(path)
	must(t, err)
	w.disk.SetFree(layout.Reserve)
	_, err = Open(t.Context(), w.dir, Options{System: w.disk})
	wantCode(t, err, shoal.NoSpace)
	if shoal.HintOf(err) == "" {
		t.Error("no hint")
	}
	now, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(now[pageBytes:], damaged[pageBytes:]) { // in the first page SQLite counts
		t.Error("the damaged records are not what they were")
	}
	w.disk.SetFree(math.MaxInt64)
	if !w.open() {
		t.Fatal("it does not open when there is room")
	}
	defer func() { closeStore(t, w.store) }()
	usage, err := w.store.Usage(t.Context())
	must(t, err)
	if usage.Files < 30 || usage.Files >= 40 {
		t.Errorf("%d files were saved", usage.Files)
	}
}

// TestLookOfAStoreThatWasNeverMade looks at a folder in which making a store was
// broken off.
func TestLookOfAStoreThatWasNeverMade(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, layout.LockFile), nil, 0o600))
	_, err := recovery.OpenToLook(t.Context(), dir)
	wantIs(t, err, fs.ErrNotExist)
	s := openStore(t, dir)
	_, err = recovery.OpenToLook(t.Context(), dir)
	wantIs(t, err, ErrInUse)
	closeStore(t, s)
	look, err := recovery.OpenToLook(t.Context(), dir)
	must(t, err)
	if problems := look.Problems(); len(problems) > 0 {
		t.Errorf("got %q", problems)
	}
	_, err = Open(t.Context(), dir, Options{})
	wantIs(t, err, ErrInUse)
	must(t, look.Close())
}
