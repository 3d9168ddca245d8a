package crashfs

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"shoal/internal/storage/vfs"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRoot(t *testing.T) (*System, vfs.FS) {
	t.Helper()
	s := New()
	s.Mkdir("/d")
	root, err := s.Root("/d")
	must(t, err)
	return s, root
}

func write(t *testing.T, root vfs.FS, name, text string) vfs.File {
	t.Helper()
	file, err := root.Open(name, vfs.CreateNew)
	must(t, err)
	_, err = file.WriteAt([]byte(text), 0)
	must(t, err)
	return file
}

// read is what the file has after a crash, or "" and false if it is not there.
func read(t *testing.T, s *System, name string) (string, bool) {
	t.Helper()
	root, err := s.Root("/d")
	must(t, err)
	file, err := root.Open(name, vfs.ReadOnly)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	must(t, err)
	info, err := file.Stat()
	must(t, err)
	text := make([]byte, info.Size)
	_, err = file.ReadAt(text, 0)
	must(t, err)
	return string(text), true
}

// fates is every outcome of a crash that shows in many throws of the dice.
func fates(t *testing.T, prepare func(*System, vfs.FS), look func(*System) string) []string {
	t.Helper()
	var seen []string
	for seed := range uint64(200) {
		s, root := newRoot(t)
		prepare(s, root)
		got := look(s.Crash(rand.New(rand.NewPCG(seed, 0))))
		if !slices.Contains(seen, got) {
			seen = append(seen, got)
		}
	}
	slices.Sort(seen)
	return seen
}

func TestWhatIsSyncedIsThere(t *testing.T) {
	got := fates(t, func(_ *System, root vfs.FS) {
		must(t, write(t, root, "a", "text").Sync())
		must(t, root.SyncDir("."))
	}, func(s *System) string {
		text, _ := read(t, s, "a")
		return text
	})
	if !slices.Equal(got, []string{"text"}) {
		t.Errorf("got %q", got)
	}
}

func TestNameWithoutSyncOfFolder(t *testing.T) {
	got := fates(t, func(_ *System, root vfs.FS) {
		must(t, write(t, root, "a", "text").Sync())
	}, func(s *System) string {
		text, ok := read(t, s, "a")
		if !ok {
			return "gone"
		}
		return text
	})
	if !slices.Equal(got, []string{"gone", "text"}) {
		t.Errorf("got %q", got)
	}
}

func TestBytesWithoutSync(t *testing.T) {
	got := fates(t, func(_ *System, root vfs.FS) {
		file := write(t, root, "a", "old")
		must(t, errors.Join(file.Sync(), root.SyncDir(".")))
		_, err := file.WriteAt([]byte("new"), 0)
		must(t, err)
	}, func(s *System) string {
		text, _ := read(t, s, "a")
		if text != "old" && text != "new" {
			return "torn"
		}
		return text
	})
	if !slices.Equal(got, []string{"new", "old", "torn"}) {
		t.Errorf("got %q", got)
	}
}

func TestRenameInFolderIsWholeOrNot(t *testing.T) {
	got := fates(t, func(_ *System, root vfs.FS) {
		must(t, errors.Join(write(t, root, "a", "text").Sync(), root.SyncDir(".")))
		must(t, root.RenameNew("a", "b"))
	}, func(s *System) string {
		a, _ := read(t, s, "a")
		b, _ := read(t, s, "b")
		return a + "," + b
	})
	if !slices.Equal(got, []string{",text", "text,"}) {
		t.Errorf("got %q", got)
	}
}

func TestPlans(t *testing.T) {
	s, root := newRoot(t)
	s.SetPlan(FailAt(1, syscall.EIO))
	file := empty(t, root)
	if _, err := file.WriteAt([]byte("text"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
	if _, err := file.WriteAt([]byte("text"), 0); err != nil {
		t.Error(err)
	}
	s.SetPlan(FailAt(0, ErrShort))
	if n, err := file.WriteAt([]byte("text"), 0); n != 2 || !errors.Is(err, ErrShort) {
		t.Errorf("got %d bytes, %v", n, err)
	}
	s.SetPlan(FailAt(0, ErrPower))
	if _, err := root.Stat("a"); !errors.Is(err, ErrPower) {
		t.Errorf("got %v", err)
	}
	s.SetPlan(nil)
	if err := file.Sync(); !errors.Is(err, ErrPower) {
		t.Errorf("the power is back: %v", err)
	}
}

func empty(t *testing.T, root vfs.FS) vfs.File {
	t.Helper()
	file, err := root.Open("a", vfs.CreateNew)
	must(t, err)
	return file
}

func TestLockIsExclusive(t *testing.T) {
	s, root := newRoot(t)
	lock, err := root.Lock("lock")
	must(t, err)
	if _, err := root.Lock("lock"); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("got %v", err)
	}
	must(t, lock.Close())
	_, err = root.Lock("lock")
	must(t, err)
	after, err := s.Crash(rand.New(rand.NewPCG(1, 1))).Root("/d")
	must(t, err)
	_, err = after.Lock("lock") // it dies with its holder
	must(t, err)
}
