package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/storage"
	"shoal/internal/storage/layout"
)

func TestOutput(t *testing.T) {
	for _, size := range []int{0, 1, layout.SmallFile, 40*cs + 3} {
		dir, target := t.TempDir(), filepath.Join(t.TempDir(), "out.bin")
		s := openStore(t, dir)
		f := newSample(t, uint64(size), size, cs)
		o, err := s.Output(t.Context(), f.File, target, Refuse)
		must(t, err)
		fillOutput(t, o, f)
		if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("a partial output is at its final name: %v", err)
		}
		wantReadable(t, s, f) // it is served before it is finished
		must(t, o.Finish(t.Context()))
		must(t, o.Close())
		got, err := os.ReadFile(target)
		must(t, err)
		if !bytes.Equal(got, f.data) {
			t.Fatal("the output is not the file")
		}
		wantAlone(t, target)
		wantWhole(t, s, f)
		must(t, s.Close())
		s = openStore(t, dir)
		wantWhole(t, s, f)
		if usage, _ := s.Usage(t.Context()); usage.Linked != int64(size) || usage.Stored != 0 {
			t.Errorf("got %+v", usage)
		}
	}
}

func fillOutput(t testing.TB, o *Output, f sample) {
	t.Helper()
	for i := range f.Chunks() {
		if !o.Has().Has(i) {
			must(t, o.Put(t.Context(), i, f.chunk(i)))
		}
	}
}

func wantReadable(t testing.TB, s *Store, f sample) {
	t.Helper()
	buf := make([]byte, f.ChunkSize)
	for i := range f.Chunks() {
		_, err := s.Get(t.Context(), f.ref(i), buf)
		must(t, err)
	}
}

// wantAlone wants no other file beside path: no partial one, for instance.
func wantAlone(t testing.TB, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Fatalf("got %v, want %s alone", entries, filepath.Base(path))
	}
}

func TestOutputRefusesOrReplaces(t *testing.T) {
	s := openStore(t, t.TempDir())
	target := filepath.Join(t.TempDir(), "out.bin")
	f, old := newSample(t, 1, 40*cs, cs), newSample(t, 2, 3*cs, cs)

	// Something comes while the output is written: it is not replaced.
	o, err := s.Output(t.Context(), f.File, target, Refuse)
	must(t, err)
	fillOutput(t, o, f)
	old.on(t, target)
	wantCode(t, o.Finish(t.Context()), shoal.Exists)
	must(t, o.Close())
	if got, _ := os.ReadFile(target); !bytes.Equal(got, old.data) {
		t.Fatal("what was there is not there any more")
	}

	// It is there from the start.
	_, err = s.Output(t.Context(), old.File, target, Refuse)
	wantCode(t, err, shoal.Exists)

	// What was written is not lost.
	must(t, os.Remove(target))
	o, err = s.Output(t.Context(), f.File, target, Overwrite)
	must(t, err)
	if !o.Has().Full() {
		t.Errorf("only %d of %d chunks were kept", o.Has().Count(), f.Chunks())
	}
	old.on(t, target)
	must(t, o.Finish(t.Context()))
	must(t, o.Close())
	wantAlone(t, target)
	wantWhole(t, s, f)
}

func TestOutputsTakeTurnsAtOnePath(t *testing.T) {
	s := openStore(t, t.TempDir())
	target := filepath.Join(t.TempDir(), "out.bin")
	f, other := newSample(t, 1, 40*cs, cs), newSample(t, 2, 40*cs, cs)
	o, err := s.Output(t.Context(), f.File, target, Refuse)
	must(t, err)
	_, err = s.Output(t.Context(), other.File, target, Refuse)
	wantCode(t, err, shoal.Exists)
	must(t, o.Put(t.Context(), 0, f.chunk(0)))
	must(t, o.Sync(t.Context()))
	must(t, o.Close())

	o, err = s.Output(t.Context(), other.File, target, Refuse) // the stale partial file goes
	must(t, err)
	if o.Has().Count() != 0 {
		t.Errorf("it starts with %d chunks", o.Has().Count())
	}
	fillOutput(t, o, other)
	must(t, o.Finish(t.Context()))
	must(t, o.Close())
	wantAlone(t, target)
	wantWhole(t, s, other)
	_, err = s.Get(t.Context(), f.ref(0), make([]byte, cs))
	wantIs(t, err, storage.ErrAbsent)
}

func TestOutputUnderSymbolicLink(t *testing.T) {
	s := openStore(t, t.TempDir())
	dir := t.TempDir()
	target := filepath.Join(dir, "out.bin")
	f := newSample(t, 1, 40*cs, cs)
	victim := newSample(t, 2, cs, cs).on(t, filepath.Join(dir, "victim"))
	must(t, os.Symlink(victim, partPath(target)))
	o, err := s.Output(t.Context(), f.File, target, Refuse)
	must(t, err)
	fillOutput(t, o, f)
	must(t, o.Finish(t.Context()))
	must(t, o.Close())
	if info, err := os.Stat(victim); err != nil || info.Size() != cs {
		t.Errorf("a planted link was followed: %v %v", info, err)
	}
}

func TestOutputWhosePartIsRemoved(t *testing.T) {
	s := openStore(t, t.TempDir())
	target := filepath.Join(t.TempDir(), "out.bin")
	f := newSample(t, 1, 40*cs, cs)
	o, err := s.Output(t.Context(), f.File, target, Refuse)
	must(t, err)
	fillOutput(t, o, f)
	must(t, os.Remove(partPath(target)))
	if err := o.Finish(t.Context()); err == nil {
		t.Error("it is finished")
	}
	must(t, o.Close())
}

func TestPartNamesFit(t *testing.T) {
	for _, name := range []string{"a", strings.Repeat("a", 255), strings.Repeat("ä", 127)} {
		base := filepath.Base(partPath("/dir/" + name))
		if len(base) > maxBase || !strings.HasSuffix(base, partSuffix) || strings.ToValidUTF8(base, "?") != base {
			t.Errorf("%q is written in %q", name, base)
		}
	}
}

// TestOutputResumesAfterKill has a process killed in the middle of an output,
// and wants the next one to go on with every chunk that was synced, but for
// one that was changed meanwhile.
func TestOutputResumesAfterKill(t *testing.T) {
	f := newSample(t, 1, 40*cs, cs)
	if dir := os.Getenv("SHOAL_TEST_OUTPUT"); dir != "" {
		s, err := Open(t.Context(), filepath.Join(dir, "store"), Options{})
		must(t, err)
		o, err := s.Output(t.Context(), f.File, filepath.Join(dir, "out"), Refuse)
		must(t, err)
		for i := range 20 {
			must(t, o.Put(t.Context(), i, f.chunk(i)))
		}
		must(t, o.Sync(t.Context()))
		must(t, o.Put(t.Context(), 30, f.chunk(30)))
		self, err := os.FindProcess(os.Getpid())
		must(t, err)
		must(t, self.Kill())
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOutputResumesAfterKill$")
	cmd.Env = append(os.Environ(), "SHOAL_TEST_OUTPUT="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("%v: %s", err, out)
	}
	flip(t, partPath(filepath.Join(dir, "out")), 5*cs)

	s := openStore(t, filepath.Join(dir, "store"))
	o, err := s.Output(t.Context(), f.File, filepath.Join(dir, "out"), Refuse)
	must(t, err)
	var want []int
	for i := range 20 {
		if i != 5 {
			want = append(want, i)
		}
	}
	if got := slices.Collect(o.Has().All); !slices.Equal(got, want) {
		t.Errorf("got chunks %v, want %v", got, want)
	}
	fillOutput(t, o, f)
	must(t, o.Finish(t.Context()))
	must(t, o.Close())
	wantWhole(t, s, f)
}

func TestManyOutputsAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 3 * maxIdle {
		f := newSample(t, uint64(i), cs/2+i, cs)
		wg.Go(func() {
			o, err := s.Output(t.Context(), f.File, filepath.Join(dir, fmt.Sprint(i)), Refuse)
			if err == nil {
				err = errors.Join(o.Put(t.Context(), 0, f.data), o.Finish(t.Context()), o.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for summary, err := range s.All(t.Context()) {
		must(t, err)
		if summary.Present != 1 {
			t.Errorf("%s has %d chunks", summary.ID, summary.Present)
		}
	}
}

// TestReadsWhileOutputFinishes reads chunks all the while: the rename must not
// make the output look lost.
func TestReadsWhileOutputFinishes(t *testing.T) {
	s := openStore(t, t.TempDir())
	dir := t.TempDir()
	for round := range 20 {
		f := newSample(t, uint64(round), 10*cs, cs)
		o, err := s.Output(t.Context(), f.File, filepath.Join(dir, fmt.Sprint(round)), Refuse)
		must(t, err)
		fillOutput(t, o, f)
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			buf := make([]byte, cs)
			for {
				if _, err := s.Get(t.Context(), f.ref(3), buf); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		must(t, o.Finish(t.Context()))
		close(done)
		wg.Wait()
		must(t, o.Close())
	}
}
