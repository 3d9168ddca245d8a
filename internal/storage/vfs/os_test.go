package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openRoot(t *testing.T) (FS, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := OS{}.Root(dir)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return root, dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	root, dir := openRoot(t)
	put(t, filepath.Join(dir, "file"), "text")
	must(t, os.Symlink("file", filepath.Join(dir, "inside")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "outside")))
	must(t, os.Symlink("nothing", filepath.Join(dir, "dangling")))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	for _, name := range []string{"inside", "outside", "dangling", "folder", "pipe", "../file"} {
		for _, mode := range []Mode{ReadOnly, ReadWrite, CreateNew} {
			if file, err := root.Open(name, mode); err == nil {
				t.Errorf("%s was opened", name)
				_ = file.Close()
			}
		}
	}
	file, err := root.Open("file", ReadOnly)
	must(t, err)
	must(t, file.Close())
}

func TestRenameNewReplacesNothing(t *testing.T) {
	root, dir := openRoot(t)
	put(t, filepath.Join(dir, "a"), "a")
	put(t, filepath.Join(dir, "b"), "b")
	if err := root.RenameNew("a", "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	must(t, root.RenameNew("a", "c"))
	if _, err := root.Stat("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	must(t, root.Rename("c", "b"))
	got, err := os.ReadFile(filepath.Join(dir, "b"))
	must(t, err)
	if string(got) != "a" {
		t.Errorf("got %q", got)
	}
}

func TestInfoTellsFilesApart(t *testing.T) {
	root, dir := openRoot(t)
	path := filepath.Join(dir, "a")
	put(t, path, "text")
	before, err := root.Stat("a")
	must(t, err)
	must(t, os.Chtimes(path, time.Time{}, time.Unix(1, 5)))
	after, err := root.Stat("a")
	must(t, err)
	if before.Inode != after.Inode || before.Device != after.Device || after.ModTime != 1e9+5 || after.Size != 4 || !after.Regular {
		t.Errorf("got %+v after %+v", after, before)
	}
	info, err := root.Stat(".")
	must(t, err)
	if info.Regular || info.Device != after.Device {
		t.Errorf("got %+v of a folder", info)
	}
}

func TestLockIsExclusive(t *testing.T) {
	root, _ := openRoot(t)
	lock, err := root.Lock("lock")
	must(t, err)
	if _, err := root.Lock("lock"); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	must(t, lock.Close())
	lock, err = root.Lock("lock")
	must(t, err)
	must(t, lock.Close())
}

// TestBulkKeepsBytes makes the calls that are advice: whether the file system
// can or not, the bytes are right.
func TestBulkKeepsBytes(t *testing.T) {
	root, dir := openRoot(t)
	want := bytes.Repeat([]byte("shoal"), 10_000)
	put(t, filepath.Join(dir, "src"), string(want))
	src, err := os.Open(filepath.Join(dir, "src"))
	must(t, err)
	defer src.Close()
	file, err := root.Open("dst", CreateNew)
	must(t, err)
	defer file.Close()
	bulk := file.(Bulk)
	if bulk.Clone(src.Fd()) != nil {
		_ = bulk.Allocate(int64(len(want)))
		_, err := file.WriteAt(want, 0)
		must(t, err)
	}
	must(t, bulk.StartWriting())
	must(t, file.Sync())
	must(t, root.SyncDir("."))
	got, err := os.ReadFile(filepath.Join(dir, "dst"))
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the copy is another")
	}
	if free, err := root.Free(); err != nil || free <= 0 {
		t.Errorf("%d bytes are free, %v", free, err)
	}
}
