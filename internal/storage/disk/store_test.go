package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
	"shoal/internal/storage/layout"
)

const cs = 4 << 10 // of the samples: small, so that they have many chunks

func TestPutLastsOverReopen(t *testing.T) {
	for _, size := range []int{0, 1, cs, cs + 1, layout.SmallFile, layout.SmallFile + 1, 10*cs + 7} {
		dir := t.TempDir()
		f := newSample(t, uint64(size), size, cs)
		s := openStore(t, dir)
		putAll(t, s, f)
		wantWhole(t, s, f)
		must(t, s.Close())
		s = openStore(t, dir)
		wantWhole(t, s, f)
		got, err := s.File(t.Context(), f.ID)
		must(t, err)
		must(t, got.Check())
	}
}

func TestChunkCountsOnlyOnceSynced(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 1, 8*cs, cs)
	must(t, s.Create(t.Context(), f.File))
	must(t, s.Put(t.Context(), f.ref(3), f.chunk(3)))
	buf := make([]byte, cs)
	if _, err := s.Get(t.Context(), f.ref(3), buf); err != nil {
		t.Fatalf("a chunk that was put cannot be read: %v", err)
	}
	must(t, s.Sync(t.Context(), f.ID))
	has, err := s.Has(t.Context(), f.ID)
	must(t, err)
	if got := slices.Collect(has.All); !slices.Equal(got, []int{3}) {
		t.Fatalf("got %v, want [3]", got)
	}
	_, err = s.Get(t.Context(), f.ref(4), buf)
	wantIs(t, err, storage.ErrAbsent)
}

func TestTimerCommits(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), dir, Options{})
		must(t, err)
		f := newSample(t, 1, 8*cs, cs)
		must(t, s.Create(t.Context(), f.File))
		must(t, s.Put(t.Context(), f.ref(0), f.chunk(0)))
		for has := (content.Bitmap{}); has.Count() == 0; {
			synctest.Wait()
			has, err = s.Has(t.Context(), f.ID)
			must(t, err)
			<-time.After(commitDelay / 2) // of the bubble's time
		}
		must(t, s.Close())
	})
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir)
	_, err := Open(t.Context(), dir, Options{})
	wantIs(t, err, ErrInUse)
	if shoal.HintOf(err) == "" {
		t.Error("no hint")
	}
}

// What lies in a store is for its owner alone, and so is what lay there under
// another mode.
func TestNobodyElseMayRead(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s := openStore(t, dir)
		putAll(t, s, newSample(t, 1, 10*cs, cs))
		must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			must(t, err)
			info, err := entry.Info()
			must(t, err)
			if path != dir && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			return nil
		}))
		closeStore(t, s)
		for _, name := range []string{layout.IndexFile, layout.RecordsFile} {
			must(t, os.Chmod(filepath.Join(dir, name), 0o644)) //nolint:gosec // that is what is to be mended
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, openStore(t, dir))
	must(t, os.WriteFile(filepath.Join(dir, layout.FormatFile), []byte("shoal store 2\n"), 0o600))
	_, err := Open(t.Context(), dir, Options{})
	wantCode(t, err, shoal.Usage)
}

func TestDeleteFreesAndForgets(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	large, small := newSample(t, 1, 10*cs, cs), newSample(t, 2, cs, cs)
	for _, f := range []sample{large, small} {
		putAll(t, s, f)
		must(t, s.Delete(t.Context(), f.ID))
		_, err := s.Has(t.Context(), f.ID)
		wantCode(t, err, shoal.NotFound)
		wantCode(t, s.Delete(t.Context(), f.ID), shoal.NotFound)
		wantCode(t, s.Put(t.Context(), f.ref(0), f.chunk(0)), shoal.NotFound)
	}
	if _, err := os.Stat(filepath.Join(dir, layout.DataName(large.ID))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the blob is still there: %v", err)
	}
	usage, err := s.Usage(t.Context())
	must(t, err)
	if usage.Stored != 0 || usage.Files != 0 {
		t.Errorf("got %+v, want nothing stored", usage)
	}
	putAll(t, s, large) // it may come back
	wantWhole(t, s, large)
}

// TestDeletedSmallFilesGiveRoom wants the database to shrink with them.
func TestDeletedSmallFilesGiveRoom(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	var files []sample
	for i := range 200 {
		f := newSample(t, uint64(i), layout.SmallFile, cs)
		putAll(t, s, f)
		files = append(files, f)
	}
	for _, f := range files {
		must(t, s.Delete(t.Context(), f.ID))
	}
	must(t, s.Close())
	info, err := os.Stat(filepath.Join(dir, layout.RecordsFile))
	must(t, err)
	if info.Size() > 20*layout.SmallFile {
		t.Errorf("%d bytes are left of %d", info.Size(), 200*layout.SmallFile)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 2 * maxIdle {
		f := newSample(t, uint64(i), (i%7)*cs+i, cs)
		for range 2 {
			wg.Go(func() {
				if err := s.Create(t.Context(), f.File); err != nil {
					t.Error(err)
				}
				for i := range f.Chunks() {
					if err := s.Put(t.Context(), f.ref(i), f.chunk(i)); err != nil {
						t.Error(err)
					}
				}
				if err := s.Sync(t.Context(), f.ID); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	var before shoal.FileID
	count := 0
	for summary, err := range s.All(t.Context()) {
		must(t, err)
		if summary.Present != summary.ChunkSize.Chunks(summary.Size) {
			t.Errorf("file %s has %d chunks", summary.ID, summary.Present)
		}
		if count > 0 && slices.Compare(before[:], summary.ID[:]) >= 0 {
			t.Errorf("%s comes after %s", summary.ID, before)
		}
		before = summary.ID
		count++
	}
	if count != 2*maxIdle {
		t.Errorf("%d files are listed, want %d", count, 2*maxIdle)
	}
}

func TestImport(t *testing.T) {
	for _, size := range []int{0, 1, layout.SmallFile, layout.SmallFile + 1, 3<<20 + 5} {
		dir := t.TempDir()
		f := newSample(t, uint64(size), size, 256<<10)
		s := openStore(t, dir)
		var done int64
		got, err := s.Import(t.Context(), openSource(t, tempFile(t, f)), 0, func(n int64) { done += n })
		must(t, err)
		if got.ID != f.ID || got.ChunkSize != f.ChunkSize || done != int64(size) {
			t.Fatalf("got %s cut at %d after %d bytes, want %s", got.ID, got.ChunkSize, done, f.ID)
		}
		wantWhole(t, s, f)
		must(t, s.Close())
		wantWhole(t, openStore(t, dir), f)
	}
}

func TestImportOfWhatIsHere(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	f := newSample(t, 1, 10*cs, cs)
	src := openSource(t, tempFile(t, f))
	must(t, s.Create(t.Context(), f.File))
	must(t, s.Put(t.Context(), f.ref(2), f.chunk(2)))
	for range 2 {
		_, err := s.Import(t.Context(), src, cs, nil)
		must(t, err)
		wantWhole(t, s, f)
	}
	got, err := s.Import(t.Context(), src, 2*cs, nil)
	must(t, err)
	if got.ChunkSize != cs {
		t.Errorf("got a chunk size of %d, want that of what is here", got.ChunkSize)
	}
	left, err := os.ReadDir(filepath.Join(dir, layout.TmpDir))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%d files are left in %s", len(left), layout.TmpDir)
	}
}

func TestImportOfFileThatChanges(t *testing.T) {
	s := openStore(t, t.TempDir())
	for _, size := range []int{2 << 20, cs} {
		path := tempFile(t, newSample(t, 1, size, cs))
		touched := false
		_, err := s.Import(t.Context(), openSource(t, path), cs, func(int64) {
			if !touched {
				touched = true
				must(t, os.Truncate(path, int64(size)+1))
			}
		})
		if size > layout.SmallFile {
			wantIs(t, err, ErrChanged)
		}
	}
	for summary, err := range s.All(t.Context()) {
		must(t, err)
		if summary.Size > layout.SmallFile {
			t.Errorf("file %s was kept", summary.ID)
		}
	}
}

// TestOpenFilesAreBounded uses many more files than may stay open.
func TestOpenFilesAreBounded(t *testing.T) {
	before := descriptors(t)
	s := openStore(t, t.TempDir())
	dir := t.TempDir()
	for i := range 2 * maxIdle {
		f := newSample(t, uint64(i), layout.SmallFile+1+i, cs)
		putAll(t, s, f)
		_, err := s.Link(t.Context(), f.on(t, filepath.Join(dir, f.ID.Short())), cs, nil)
		must(t, err)
	}
	const ofEach, ofStore = 4, 32
	if got := descriptors(t) - before; got > maxIdle*ofEach+ofStore {
		t.Errorf("%d descriptors are open", got)
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

// TestLockDiesWithProcess opens a store in a process that ends without closing.
func TestLockDiesWithProcess(t *testing.T) {
	if dir := os.Getenv("SHOAL_TEST_LOCK"); dir != "" {
		_, err := Open(t.Context(), dir, Options{})
		must(t, err)
		os.Exit(0) // as a crash would: nothing is closed
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockDiesWithProcess$")
	cmd.Env = append(os.Environ(), "SHOAL_TEST_LOCK="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, layout.LockFile))
	must(t, err)
	if strings.TrimSpace(string(text)) == "" {
		t.Error("the lock file does not tell of the crash")
	}
	openStore(t, dir)
}
