package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/storage"
	"shoal/internal/storage/layout"
)

// filled makes a store with a large file that is whole, one that is partly
// here, a small one and a linked one, and closes it.
func filled(t *testing.T) (dir string, whole, part, small, linked sample) {
	t.Helper()
	dir = t.TempDir()
	whole, part = newSample(t, 1, 40*cs+1, cs), newSample(t, 2, 40*cs, cs)
	small, linked = newSample(t, 3, 2*cs, cs), newSample(t, 4, 40*cs, cs)
	s := openStore(t, dir)
	putAll(t, s, whole)
	must(t, s.Create(t.Context(), part.File))
	must(t, s.Put(t.Context(), part.ref(7), part.chunk(7)))
	putAll(t, s, small)
	_, err := s.Link(t.Context(), tempFile(t, linked), cs, nil)
	must(t, err)
	must(t, s.Close())
	return dir, whole, part, small, linked
}

// TestIndexComesBack deletes and damages the index in many ways; a start must
// bring all of it back.
func TestIndexComesBack(t *testing.T) {
	garbage := bytes.Repeat([]byte("garbage!"), 1<<13)
	damages := map[string]func(path string) error{
		"deleted":   os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"truncated": func(path string) error { return os.Truncate(path, 5000) },
		"garbage":   func(path string) error { return os.WriteFile(path, garbage, 0o600) },
		"garbage in the middle": func(path string) error {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			if _, err := file.WriteAt(garbage[:4096], 4096); err != nil {
				return err
			}
			return file.Close()
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir, whole, part, small, linked := filled(t)
			must(t, damage(filepath.Join(dir, layout.IndexFile)))
			s := openStore(t, dir)
			for _, f := range []sample{whole, small, linked} {
				wantWhole(t, s, f)
			}
			has, err := s.Has(t.Context(), part.ID)
			must(t, err)
			if has.Count() != 1 || !has.Has(7) {
				t.Errorf("got %d chunks of the file that is partly here", has.Count())
			}
			usage, err := s.Usage(t.Context())
			must(t, err)
			want := storage.Usage{Stored: whole.Size + cs + small.Size, Linked: linked.Size, Files: 4, Free: usage.Free}
			if usage != want {
				t.Errorf("got %+v, want %+v", usage, want)
			}
		})
	}
}

// TestAnyFileMayBeLost damages each file of a store in turn; it must open, and
// serve nothing wrong.
func TestAnyFileMayBeLost(t *testing.T) {
	dir, whole, part, small, linked := filled(t)
	var names []string
	must(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	}))
	for _, name := range names {
		for _, damage := range []func(string) error{
			os.Remove,
			func(path string) error { return os.Truncate(path, 0) },
			func(path string) error { return os.WriteFile(path, []byte("garbage!"), 0o600) },
		} {
			copied := t.TempDir()
			must(t, os.CopyFS(copied, os.DirFS(dir)))
			must(t, damage(filepath.Join(copied, name)))
			s, err := Open(t.Context(), copied, Options{})
			if err != nil {
				if name != layout.FormatFile || shoal.HintOf(err) == "" {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			for _, f := range []sample{whole, part, small, linked} {
				wantNothingWrong(t, s, f)
			}
			_, err = s.Rebuild(t.Context())
			must(t, err)
			putAll(t, s, whole)
			wantWhole(t, s, whole)
			must(t, s.Close())
		}
	}
}

// wantNothingWrong reads what there is of a file, and wants it right.
func wantNothingWrong(t testing.TB, s *Store, f sample) {
	t.Helper()
	buf := make([]byte, f.ChunkSize)
	for i := range f.Chunks() {
		n, err := s.Get(t.Context(), f.ref(i), buf)
		if err == nil && !bytes.Equal(buf[:n], f.chunk(i)) {
			t.Errorf("chunk %d of %s is wrong", i, f.ID)
		}
	}
}

func TestRebuildOfGoodStoreChangesNothing(t *testing.T) {
	dir, whole, _, small, linked := filled(t)
	s := openStore(t, dir)
	report, err := s.Rebuild(t.Context())
	must(t, err)
	chunks := whole.Chunks() + 1 + small.Chunks() + linked.Chunks()
	if report.Files != 4 || report.Chunks != chunks || report.Recovered+report.Lost+len(report.Quarantined) != 0 {
		t.Errorf("got %+v, want %d chunks", report, chunks)
	}
	if trouble := s.Trouble(); len(trouble) > 0 {
		t.Errorf("got %q", trouble)
	}
}

func TestRebuildQuarantinesStrangers(t *testing.T) {
	dir, whole, _, _, _ := filled(t)
	shard := filepath.Join(dir, layout.ShardName(whole.ID))
	for _, name := range []string{"stranger", newSample(t, 9, 1, cs).ID.String() + layout.DataSuffix} {
		must(t, os.WriteFile(filepath.Join(shard, name), []byte("x"), 0o600))
	}
	s := openStore(t, dir)
	report, err := s.Rebuild(t.Context())
	must(t, err)
	if len(report.Quarantined) != 2 {
		t.Errorf("got %+v", report)
	}
	kept, err := os.ReadDir(filepath.Join(dir, layout.QuarantineDir))
	must(t, err)
	if len(kept) != 2 {
		t.Errorf("%d files are in quarantine, want 2", len(kept))
	}
}

func TestFlippedByteIsFoundOnRead(t *testing.T) {
	dir, whole, _, _, _ := filled(t)
	flip(t, filepath.Join(dir, layout.DataName(whole.ID)), 11*cs)
	var notices []Notice
	s, err := Open(t.Context(), dir, Options{Notify: func(n Notice) { notices = append(notices, n) }})
	must(t, err)
	_, err = s.Get(t.Context(), whole.ref(11), make([]byte, cs))
	wantIs(t, err, storage.ErrAbsent)
	wantIs(t, err, shoal.Integrity)
	if len(notices) != 1 || notices[0].Kind != Rotten || notices[0].Chunk != whole.ref(11) {
		t.Errorf("got %+v", notices)
	}
	must(t, s.Close())
	s = openStore(t, dir)
	has, err := s.Has(t.Context(), whole.ID)
	must(t, err)
	if has.Has(11) || has.Count() != whole.Chunks()-1 {
		t.Errorf("%d chunks count after the rot was found", has.Count())
	}
	putAll(t, s, whole) // it heals
	wantWhole(t, s, whole)
}

func TestFlippedByteIsFoundByVerify(t *testing.T) {
	dir, whole, _, _, _ := filled(t)
	flip(t, filepath.Join(dir, layout.DataName(whole.ID)), 11*cs)
	s := openStore(t, dir)
	var good, bad int
	must(t, s.Verify(t.Context(), whole.ID, func(index int, place shoal.Place, err error) error {
		if err == nil {
			good++
		} else if bad++; index != 11 || place.Kind != shoal.PlaceStore || shoal.CodeOf(err) != shoal.Integrity {
			t.Errorf("chunk %d in %+v: %v", index, place, err)
		}
		return nil
	}))
	if good != whole.Chunks()-1 || bad != 1 {
		t.Errorf("%d good and %d bad", good, bad)
	}
}

// TestRebuildFindsWhatWasLookedForInVain asks for a file that is not here, and
// then puts its blob where a rebuild looks.
func TestRebuildFindsWhatWasLookedForInVain(t *testing.T) {
	dir, whole, _, _, _ := filled(t)
	s := openStore(t, t.TempDir())
	_, err := s.File(t.Context(), whole.ID)
	wantCode(t, err, shoal.NotFound)
	for _, name := range []string{layout.DataName(whole.ID), layout.ListName(whole.ID)} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(s.dir, name)), 0o700))
		must(t, os.Rename(filepath.Join(dir, name), filepath.Join(s.dir, name)))
	}
	_, err = s.Rebuild(t.Context())
	must(t, err)
	wantWhole(t, s, whole)
}

// TestMissesAreBounded looks for many files that are not here, and then has one
// of the first and one of the last come.
func TestMissesAreBounded(t *testing.T) {
	s := openStore(t, t.TempDir())
	var files []sample
	for i := range maxMisses + maxMisses/2 {
		files = append(files, newSample(t, uint64(i), 1, cs))
		_, err := s.File(t.Context(), files[i].ID)
		wantCode(t, err, shoal.NotFound)
	}
	if n := len(s.files.misses); n == 0 || n > maxMisses {
		t.Errorf("%d misses are remembered, want at most %d", n, maxMisses)
	}
	for _, f := range []sample{files[0], files[len(files)-1]} {
		putAll(t, s, f)
		wantWhole(t, s, f)
		must(t, s.Delete(t.Context(), f.ID))
		_, err := s.File(t.Context(), f.ID)
		wantCode(t, err, shoal.NotFound)
	}
}

// TestVerifyMissesDeletedFiles deletes the blob of a file that is open: what can
// still be read of it will be gone.
func TestVerifyMissesDeletedFiles(t *testing.T) {
	dir, whole, part, _, _ := filled(t)
	s := openStore(t, dir)
	wantWhole(t, s, whole)
	must(t, s.Verify(t.Context(), part.ID, func(int, shoal.Place, error) error { return nil }))
	must(t, os.Remove(filepath.Join(dir, layout.DataName(whole.ID))))
	must(t, os.Remove(filepath.Join(dir, layout.ListName(part.ID))))
	for _, f := range []sample{whole, part} {
		must(t, s.Verify(t.Context(), f.ID, func(int, shoal.Place, error) error { return nil }))
	}
	has, err := s.Has(t.Context(), whole.ID)
	must(t, err)
	if has.Count() > 0 {
		t.Errorf("%d chunks count whose file was deleted", has.Count())
	}
	must(t, s.Close())
	s = openStore(t, dir)
	if has, err := s.Has(t.Context(), part.ID); err != nil || has.Count() != 1 {
		t.Errorf("%d chunks of the file whose hash list was deleted, %v", has.Count(), err)
	}
	putAll(t, s, whole)
	wantWhole(t, s, whole)
}
