package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"shoal"
	"shoal/internal/storage"
)

func TestLinkServesInPlace(t *testing.T) {
	for _, size := range []int{0, cs, 40 * cs} {
		dir := t.TempDir()
		s := openStore(t, dir)
		f := newSample(t, uint64(size), size, cs)
		path := tempFile(t, f)
		for range 2 { // linking again changes nothing
			got, err := s.Link(t.Context(), path, cs, nil)
			must(t, err)
			if got.ID != f.ID {
				t.Fatalf("got %s, want %s", got.ID, f.ID)
			}
		}
		must(t, s.Close())
		s = openStore(t, dir)
		wantWhole(t, s, f)
		places, err := s.Places(t.Context(), f.ID)
		must(t, err)
		want := shoal.Place{Kind: shoal.PlaceLinked, Path: path, Chunks: f.Chunks()}
		if len(places) != 1 || places[0] != want {
			t.Fatalf("got %+v, want %+v", places, want)
		}
		usage, err := s.Usage(t.Context())
		must(t, err)
		if usage.Stored != 0 || usage.Linked != int64(size) || usage.Files != 1 {
			t.Errorf("got %+v", usage)
		}
		must(t, s.Delete(t.Context(), f.ID))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a person's file was deleted: %v", err)
		}
	}
}

// TestLinkGuards changes a linked file in every way that a person may, with
// the store open and closed, and wants it dropped and nothing served.
func TestLinkGuards(t *testing.T) {
	f, other := newSample(t, 1, 40*cs, cs), newSample(t, 2, 40*cs, cs)
	changes := map[string]func(path string) error{
		"edited":    func(path string) error { return os.WriteFile(path, other.data, 0o600) },
		"shortened": func(path string) error { return os.Truncate(path, cs) },
		"grown":     func(path string) error { return os.Truncate(path, 41*cs) },
		"touched":   func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
		"removed":   os.Remove,
		"replaced": func(path string) error {
			return os.Rename(f.on(t, path+".new"), path)
		},
		"a symbolic link": func(path string) error {
			if err := os.Rename(path, path+".moved"); err != nil {
				return err
			}
			return os.Symlink(path+".moved", path)
		},
	}
	for name, change := range changes {
		for _, reopen := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				var notices []Notice
				dir := t.TempDir()
				options := Options{Notify: func(n Notice) { notices = append(notices, n) }}
				s, err := Open(t.Context(), dir, options)
				must(t, err)
				path := tempFile(t, f)
				_, err = s.Link(t.Context(), path, cs, nil)
				must(t, err)
				if reopen {
					must(t, s.Close())
				}
				must(t, change(path))
				if reopen {
					s, err = Open(t.Context(), dir, options)
					must(t, err)
				}
				defer closeStore(t, s)
				_, err = s.Get(t.Context(), f.ref(0), make([]byte, cs))
				wantIs(t, err, storage.ErrAbsent)
				has, err := s.Has(t.Context(), f.ID)
				must(t, err)
				if has.Count() != 0 {
					t.Errorf("%d chunks still count", has.Count())
				}
				troubles := 1
				if name == "removed" { // which is anybody's right
					troubles = 0
				}
				if len(notices) != 1 || notices[0].Kind != Dropped || len(s.Trouble()) != troubles {
					t.Errorf("got %+v and %q, want one dropped and %d troubles", notices, s.Trouble(), troubles)
				}
			})
		}
	}
}

// TestLinkRot changes a byte and puts the time back, which no guard sees.
func TestLinkRot(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 1, 40*cs, cs)
	path := tempFile(t, f)
	_, err := s.Link(t.Context(), path, cs, nil)
	must(t, err)
	flip(t, path, 7*cs+1)
	_, err = s.Get(t.Context(), f.ref(7), make([]byte, cs))
	wantIs(t, err, storage.ErrAbsent)
	wantIs(t, err, shoal.Integrity)
	_, err = s.Get(t.Context(), f.ref(8), make([]byte, cs))
	must(t, err)
	if len(s.Trouble()) != 1 {
		t.Errorf("got %q", s.Trouble())
	}
}

func TestLinkBesideStore(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 1, 40*cs, cs)
	path := tempFile(t, f)
	_, err := s.Link(t.Context(), path, cs, nil)
	must(t, err)
	_, err = s.Import(t.Context(), openSource(t, path), cs, nil)
	must(t, err)
	must(t, os.Remove(path))
	wantWhole(t, s, f)
	if places, err := s.Places(t.Context(), f.ID); err != nil || len(places) != 2 {
		t.Fatalf("got %v %v, want two places", places, err)
	}
	must(t, s.Verify(t.Context(), f.ID, func(int, shoal.Place, error) error { return nil }))
	places, err := s.Places(t.Context(), f.ID)
	must(t, err)
	if len(places) != 1 || places[0].Kind != shoal.PlaceStore {
		t.Errorf("got %+v, want the store alone", places)
	}
}

func TestLinkRefusesWhatIsNoFile(t *testing.T) {
	s := openStore(t, t.TempDir())
	dir := t.TempDir()
	if _, err := s.Link(t.Context(), dir, 0, nil); err == nil {
		t.Error("a folder was linked")
	}
	_, err := s.Link(t.Context(), filepath.Join(dir, "nothing"), 0, nil)
	wantCode(t, err, shoal.NotFound)
}

// flip changes a byte of a file and nothing else about it.
func flip(t testing.TB, path string, off int64) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	var b [1]byte
	_, err = file.ReadAt(b[:], off)
	must(t, err)
	b[0] ^= 0xff
	_, err = file.WriteAt(b[:], off)
	must(t, err)
	must(t, file.Close())
	must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
}
