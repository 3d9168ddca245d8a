package disk

import (
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/storage/vfs/crashfs"
)

// story has some of everything that changes a store, in an order in which one
// thing builds on another.
func story(w *world) {
	large, small := newSample(w.t, 1, 6*cs, cs), newSample(w.t, 2, 2*cs, cs)
	whole, out, tiny := newSample(w.t, 3, 5*cs+1, cs), newSample(w.t, 4, 6*cs, cs), newSample(w.t, 5, 100, cs)
	w.put(large, 0, 1, 2)
	w.put(small, 1)
	w.output(out, peopleDir+"/out", Refuse, 0, 1, 2)
	w.put(large, 3, 4)
	w.imports(whole)
	w.imports(tiny)
	w.output(out, peopleDir+"/out", Refuse, 3, 4, 5)
	w.put(small, 0)
	w.discard(whole, 1, 2, 5)
	w.put(whole, 2)
	w.discard(large, 0, 1, 2, 3, 4)
	w.remove(large)
	w.remove(small)
	w.put(large, 5)
	w.output(tiny, peopleDir+"/out", Overwrite, 0)
}

// delivery has outputs alone: one that is finished, and one that is deleted
// when half of it is here.
func delivery(w *world) {
	out, half := newSample(w.t, 4, 6*cs, cs), newSample(w.t, 2, 2*cs, cs)
	w.output(half, peopleDir+"/half", Refuse, 1)
	w.output(out, peopleDir+"/out", Refuse, 0, 1, 2)
	w.output(out, peopleDir+"/out", Refuse, 3, 4, 5)
	w.remove(half)
}

// replaced is the file whose output the story replaces.
func replaced(t testing.TB) func(shoal.Chunk) bool {
	id := newSample(t, 4, 6*cs, cs).ID
	return func(c shoal.Chunk) bool { return c.File == id }
}

// TestPowerCutAtEveryCall cuts the power before each call of the story in
// turn, loses what was not synced, and wants every promise kept.
func TestPowerCutAtEveryCall(t *testing.T) {
	every := func(crashfs.Op) bool { return true }
	forEveryCall(t, story, crashfs.ErrPower, every, replaced(t))
	forEveryCall(t, delivery, crashfs.ErrPower, every, never)
}

// TestEveryCallFails fails each call of the story in turn that can fail so,
// and then cuts the power. What the system cannot read is given up, and breaks
// no promise: of the delivery, which reads what it resumes, no look fails.
func TestEveryCallFails(t *testing.T) {
	looks := []crashfs.Op{crashfs.OpFree, crashfs.OpRead, crashfs.OpStat}
	full := []crashfs.Op{crashfs.OpWrite, crashfs.OpOpen, crashfs.OpMakeDir, crashfs.OpTruncate, crashfs.OpRename}
	for failure, can := range map[error]func(crashfs.Op) bool{
		syscall.EIO:      func(op crashfs.Op) bool { return op != crashfs.OpFree },
		syscall.ENOSPC:   func(op crashfs.Op) bool { return slices.Contains(full, op) },
		crashfs.ErrShort: func(op crashfs.Op) bool { return op == crashfs.OpWrite },
	} {
		t.Run(failure.Error(), func(t *testing.T) {
			t.Parallel()
			forEveryCall(t, story, failure, can, replaced(t))
			forEveryCall(t, delivery, failure, func(op crashfs.Op) bool {
				return can(op) && !slices.Contains(looks, op)
			}, never)
		})
	}
}

func forEveryCall(t *testing.T, story func(*world), failure error, can func(crashfs.Op) bool, mayLose func(shoal.Chunk) bool) {
	var calls []crashfs.Call
	tell(t, story, func(c crashfs.Call) error {
		calls = append(calls, c)
		return nil
	})
	tried := 0
	for _, c := range calls {
		if !can(c.Op) {
			continue
		}
		tried++
		w := tell(t, story, crashfs.FailAt(c.Index, failure))
		w.crash(rand.New(rand.NewPCG(uint64(c.Index), 1)))
		if err := w.check(mayLose); err != nil {
			t.Fatalf("call %d, %s %s: %v", c.Index, c.Op, c.Name, err)
		}
		closeStore(t, w.store)
		must(t, os.RemoveAll(w.dir))
	}
	t.Logf("%d of %d calls failed", tried, len(calls))
}

// tell tells the story on a file system with that plan.
func tell(t *testing.T, story func(*world), plan crashfs.Plan) *world {
	w := newWorld(t)
	w.disk.SetPlan(plan)
	if w.open() {
		story(w)
	}
	return w
}

// TestRandomCrashes does random things to a few files, cuts the power at a
// random call, several times over, and wants every promise kept each time.
func TestRandomCrashes(t *testing.T) {
	files := []sample{
		newSample(t, 1, 6*cs, cs), newSample(t, 2, 2*cs, cs), newSample(t, 3, 5*cs+1, cs), newSample(t, 4, 1, cs),
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		if !w.open() {
			rt.Fatal("it does not open")
		}
		for range rapid.IntRange(1, 3).Draw(rt, "crashes") {
			w.disk.SetPlan(crashfs.FailAt(rapid.IntRange(0, 150).Draw(rt, "calls until the power cut"), crashfs.ErrPower))
			for range rapid.IntRange(1, 8).Draw(rt, "steps") {
				step(rt, w, files)
			}
			seed := rapid.Uint64().Draw(rt, "seed")
			w.crash(rand.New(rand.NewPCG(seed, seed)))
			if err := w.check(never); err != nil {
				rt.Fatal(err)
			}
		}
		closeStore(t, w.store)
		must(t, os.RemoveAll(w.dir))
	})
}

// step does one thing. Each file has an output path of its own, so that none
// is replaced by another.
func step(rt *rapid.T, w *world, files []sample) {
	at := rapid.IntRange(0, len(files)-1).Draw(rt, "file")
	f := files[at]
	chunks := rapid.SliceOfDistinct(rapid.IntRange(0, f.Chunks()-1), rapid.ID[int]).Draw(rt, "chunks")
	switch rapid.SampledFrom([]string{"put", "put", "output", "import", "discard", "remove"}).Draw(rt, "what") {
	case "put":
		w.put(f, chunks...)
	case "output":
		w.output(f, peopleDir+"/"+f.ID.Short(), Refuse, chunks...)
	case "import":
		w.imports(f)
	case "discard":
		w.discard(f, chunks...)
	case "remove":
		w.remove(f)
	}
}
